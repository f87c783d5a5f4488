import t from 'tap';
import { forever } from '../src/model.ts';
import {
  beginTracks,
  nextChangeAfter,
  spellsOf,
  statusOn,
  staysIn,
  withDeletion,
  withPlace,
  withRestoration,
  withStatus,
} from '../src/tracks.ts';

const short = (tracks: Parameters<typeof spellsOf>[0]) =>
  spellsOf(tracks).map(({ db, status, from, to }) => `${db} ${status} ${from} ${to === forever ? '-' : to}`);
const begun = beginTracks('2025-06-10', 'A', 'active', true);

t.test('a change dated back leaves standing what is known of the time after it', async (t) => {
  const posted = withStatus(begun, '2025-09-01', 'posted');
  t.same(short(withStatus(posted, '2025-07-01', 'awol')), [
    'A active 2025-06-10 2025-07-01',
    'A awol 2025-07-01 2025-09-01',
    'A posted 2025-09-01 -',
  ]);
});

t.test(
  'dated before its beginning, a change begins the record then, in place of what was assumed',
  async (t) => {
    t.same(short(withStatus(begun, '2025-01-01', 'inactive')), ['A inactive 2025-01-01 -']);
    const said = beginTracks('2025-06-10', 'A', 'active', false);
    t.same(short(withStatus(said, '2025-01-01', 'inactive')), [
      'A inactive 2025-01-01 2025-06-10',
      'A active 2025-06-10 -',
    ]);
  },
);

t.test(
  'who was deleted on the day of the beginning and came back was there until that day and since',
  async (t) => {
    const back = withRestoration(withDeletion(begun, '2025-06-10'), '2025-08-01');
    t.same(short(back), ['A active 2025-08-01 -'], 'nobody who comes and goes on one day was there');
    t.same(short(withStatus(back, '2025-05-01', 'cse')), [
      'A cse 2025-05-01 2025-06-10',
      'A cse 2025-08-01 -',
    ]);
  },
);

t.test(
  'a move counts from its day on, takes back later ones, and never lies before the beginning',
  async (t) => {
    const moved = withPlace(withPlace(begun, '2025-09-01', 'B'), '2025-07-01', 'C');
    t.same(short(moved), ['A active 2025-06-10 2025-07-01', 'C active 2025-07-01 -']);
    t.same(short(withPlace(begun, '2020-01-01', 'B')), ['B active 2025-06-10 -']);
    t.same(short(withPlace(withPlace(begun, '2025-07-01', 'B'), '2025-07-01', 'A')), [
      'A active 2025-06-10 -',
    ]);
  },
);

t.test('restored on the day of the deletion, somebody was never away', async (t) => {
  const back = withRestoration(withDeletion(begun, '2025-07-01'), '2025-07-01');
  t.same(short(back), ['A active 2025-06-10 -']);
});

t.test('what is planned is not in force yet', async (t) => {
  const planned = withStatus(begun, '2025-12-01', 'rtu');
  t.equal(statusOn(planned, '2025-11-30'), 'active');
  t.equal(nextChangeAfter(planned, '2025-11-30'), '2025-12-01');
  t.equal(statusOn(planned, '2025-12-01'), 'rtu');
  t.equal(nextChangeAfter(planned, '2025-12-01'), null);
  t.equal(nextChangeAfter(withStatus(begun, '2025-12-01', 'active'), '2025-11-30'), null, 'no change at all');
});

t.test('a stay goes on over changes of status, and ends with a move', async (t) => {
  const spells = spellsOf(withPlace(withStatus(begun, '2025-07-01', 'cse'), '2025-08-01', 'B'));
  t.same(staysIn(spells, 'A'), [{ from: '2025-06-10', to: '2025-08-01' }]);
  t.same(staysIn(spells, 'B'), [{ from: '2025-08-01', to: forever }]);
});
