import fc from 'fast-check';
import t from 'tap';
import { inertText, withoutGuards } from '../src/index.ts';

t.test('16. what was made inert can be read again, and made inert again gives the same', async () => {
  const sign = fc.constantFrom(...[..."=+-@'\t \n\u200bab1"]);
  fc.assert(
    fc.property(
      fc.array(sign).map((signs) => signs.join('')),
      (text) => {
        const written = inertText(text);
        return inertText(withoutGuards(written)) === written;
      },
    ),
  );
});

t.test('the apostrophe of a guard goes, one of the text stays', async (t) => {
  t.equal(withoutGuards("'+2348031234567"), '+2348031234567');
  t.equal(withoutGuards("O'Neil"), "O'Neil");
  t.equal(withoutGuards("'tis"), "'tis");
  t.equal(withoutGuards("ok\n'=2"), 'ok\n=2');
});
