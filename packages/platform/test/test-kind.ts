import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import type { Platform } from '../src/data.ts';
import type { WorkerModule } from '../src/jobs/worker.ts';
import type { Counts, ImportKind, RowError } from '../src/uploads/model.ts';

export interface TestParams {
  /** How the import behaves. */
  how: string;
  rows: number;
}

export const kindName = 'test.numbers';

function rowError(row: number): RowError {
  return {
    sheet: 'Numbers',
    row,
    column: 'Amount',
    cell: `B${row}`,
    code: 'BAD',
    message: 'Not a number.',
    value: '=1+1',
  };
}

/** An import whose effect can be counted: one document for each row, with how often it was written. */
export function testKind(platform: Platform): ImportKind<TestParams> {
  const effects = platform.db.collection<{ _id: string; upload: string; value: number }>('effects');
  const runs = platform.db.collection<{ upload: string; pid: number; attempt: number; ended: boolean }>(
    'runs',
  );
  const gates = platform.db.collection<{ _id: string }>('gates');

  /** Waits until the test opens the gate. */
  async function gate(name: string, signal: AbortSignal): Promise<void> {
    while ((await gates.findOne({ _id: name })) === null) await delay(20, undefined, { signal });
  }

  return {
    name: kindName,
    async run({ upload, path, tempDir, signal, progress, saveErrors }) {
      const { how, rows } = upload.params;
      const id = upload._id.toHexString();
      const { attempts } = upload;
      const { insertedId } = await runs.insertOne({
        upload: id,
        pid: process.pid,
        attempt: attempts,
        ended: false,
      });
      await writeFile(join(tempDir, 'spool'), 'x'.repeat(1_000));
      let bytes = 0;
      for await (const chunk of createReadStream(path)) bytes += (chunk as Buffer).length;
      if (bytes !== upload.size) throw new Error('The file is not whole.');
      if (how === 'poison') throw new CodedError('NO_ROWS', undefined, { hint: 'fill it', errorCount: 0 });
      if (how === 'always-broken') throw new TypeError('canary-secret of user@example.com');
      if (how === 'broken-once' && attempts === 1) throw new Error('once');
      if (how === 'blocked' && attempts === 1) blockEventLoop(4_000);
      const counts: Counts = {
        read: rows,
        inserted: 0,
        updated: 0,
        unchanged: 0,
        duplicates: 0,
        rejected: 0,
      };
      for (let row = 1; row <= rows; row += 1) {
        signal.throwIfAborted();
        if (!upload.dryRun) {
          const value = { $set: { upload: id, value: row } };
          await effects.updateOne({ _id: `${id}-${row}` }, value, { upsert: true });
        }
        counts.inserted += 1;
        await progress(row / rows, counts);
        if (how === 'gated' && row === Math.ceil(rows / 2)) await gate(id, signal);
        if (how === 'heedless' && row === 1) await gate(id, new AbortController().signal);
      }
      await runs.updateOne({ _id: insertedId }, { $set: { ended: true } });
      if (how !== 'errors')
        return { counts, warnings: [], errors: [], errorCount: 0, message: `${rows} rows` };
      const errors = Array.from({ length: 1_500 }, (_, i) => rowError(i + 2));
      await saveErrors(errors.slice(1_000));
      return {
        counts: { ...counts, rejected: 1_500, read: rows + 1_500 },
        warnings: [],
        errors,
        errorCount: 1_500,
      };
    },
    async undo({ upload }) {
      if (upload.params.how === 'kept')
        throw new CodedError('UPLOAD_NOT_UNDOABLE', 'Something newer stands.');
      const { deletedCount } = await effects.deleteMany({ upload: upload._id.toHexString() });
      return { details: { removed: deletedCount } };
    },
  };
}

function blockEventLoop(ms: number): void {
  const until = Date.now() + ms;
  while (Date.now() < until);
}

export const testWorkerModule: WorkerModule = {
  name: 'receivables',
  importKinds: (platform) => [testKind(platform)],
};
