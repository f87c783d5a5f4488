import { join } from 'node:path';
import {
  type DayNumber,
  dayFromCivil,
  financialYearOf,
  isoDate,
  type Month,
  wireMonth,
  wireYear,
} from '@backoffice/core';
import type { ModuleSeed, SeedContext, SeedSession, SeedState, SeedUpload } from '@backoffice/platform';
import { assignEngineers, enterFollowUps, markDisputes } from './entries.ts';
import {
  createStatementRows,
  type DemoRow,
  type DemoStatement,
  firstMonth,
  listStatements,
} from './statements.ts';
import { demoLogins, listAdministrators, listDemoUsers } from './users.ts';
import { writeStatement } from './workbook.ts';

/** Raise it whenever the same day would give other rows: what an older version made is then left as it is. */
export const demoVersion = 1;

/** What this module hands to the seed. */
export const receivablesSeed: ModuleSeed = {
  system: 'receivables',
  administrators: listAdministrators,
  demoUsers: listDemoUsers,
  logins: demoLogins,
  demo: seedDemo,
};

const ownFile = /^outstanding-\d{4}-\d\d-as-on-/;

/**
 * The demo data, as people would bring it in: the statements month by month, then engineers, remarks and
 * disputes of the running month. Takes up where it was broken off; months that have begun since are added,
 * as long as nobody else has uploaded a statement. What people have entered is never overwritten.
 */
async function seedDemo(context: SeedContext): Promise<void> {
  const { marker, say } = context;
  const state = await marker.find();
  if (state && state.version !== demoVersion) {
    say(
      'The demo data there is of another version and stays as it is; for this one, start with an empty DATA_DIR.',
    );
    return;
  }
  const story = storyOf(state, context.today);
  const done = new Set(state?.done);
  const statements = listStatements(story);
  const missing = statements.filter((statement) => !done.has(stepOf(statement)));
  if (state?.finished && missing.length === 0) return;

  const api = await context.signIn('country.manager@example.com');
  if (await someoneElseUploaded(api)) {
    say('There are statements that are not demo data; no demo data was added to them.');
    return;
  }
  await marker.begin(demoVersion, { from: story.from, today: isoDate(story.today) });
  const rowsOf = createStatementRows(story);
  await uploadStatements(context, api, rowsOf, missing, statements.length - missing.length);

  const running = statements.at(-1)!;
  const rows = rowsOf(running);
  const steps = { engineers: assignEngineers, 'follow-up': enterFollowUps, disputes: markDisputes };
  for (const [step, run] of Object.entries(steps)) {
    if (done.has(step)) continue;
    await run(context, api, rows, running.asOf);
    await marker.markDone(step);
  }
  await marker.finish();
}

/** A story that is under way keeps its day, so that what is uploaded again is the same file. */
function storyOf(state: SeedState | null, today: DayNumber): { from: Month; today: DayNumber } {
  const { from, today: begun } = state?.facts ?? {};
  const [year, month, day] = (begun ?? '').split('-').map(Number);
  const stored = begun ? dayFromCivil(year!, month!, day!) : null;
  return { from: from ?? firstMonth(today), today: state && !state.finished ? (stored ?? today) : today };
}

/** The month and, for the part that came late, that it did: not the day, which moves on in a running month. */
function stepOf({ month, name }: DemoStatement): string {
  return `statement ${month}${name.endsWith('-late') ? ' late' : ''}`;
}

async function someoneElseUploaded(api: SeedSession): Promise<boolean> {
  const uploads = await api.get<SeedUpload[]>('/upload?limit=100');
  return uploads.some(({ fileName = '', status, dryRun, undone }) => {
    return status !== 'failed' && !dryRun && !undone && !ownFile.test(fileName);
  });
}

async function uploadStatements(
  { dir, signal, marker, progress }: SeedContext,
  api: SeedSession,
  rowsOf: (statement: DemoStatement) => DemoRow[],
  statements: DemoStatement[],
  doneBefore: number,
): Promise<void> {
  const total = doneBefore + statements.length;
  const write = (statement: DemoStatement | undefined) =>
    statement && writeStatement(join(dir, `${statement.name}.xlsx`), statement, rowsOf, signal);

  let next = write(statements[0]);
  for (const [index, statement] of statements.entries()) {
    const done = doneBefore + index;
    const label = wireMonth(statement.month);
    progress('statements', done, total, label);
    await next;
    // The next file is written while this one is imported; a failure shows when its turn comes.
    next = write(statements[index + 1]);
    next?.catch(() => undefined);
    const fields = { month: label, financialYear: wireYear(financialYearOf(statement.month)) };
    const path = join(dir, `${statement.name}.xlsx`);
    await api.upload('/upload', path, fields, () => progress('statements', done, total, label));
    await marker.markDone(stepOf(statement));
  }
  progress('statements', total, total);
}
