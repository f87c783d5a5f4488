import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, type ErrorCode, monthNames } from '@backoffice/core';
import { auditEntry, createSharedReads } from '@backoffice/platform';
import type { Cell, SheetRow } from '@backoffice/spreadsheet';
import { type Db, MongoClient } from 'mongodb';
import type { Test } from 'tap';
import { asOfDay, type EngineerName, nowIn } from '../src/figures.ts';
import { assignEngineer, type Deed, enterFact, findKnownCustomer, markInvoice } from '../src/follow-up.ts';
import { runStatement, type StatementResult } from '../src/imports/run.ts';
import { undoStatement } from '../src/imports/undo.ts';
import { receivablesMigrations } from '../src/migrations.ts';
import { keyOf, type StatementRow } from '../src/model.ts';
import { createReceivablesRepository } from '../src/repository.ts';
import type { Clock, Command } from './reference/commands.ts';
import type { ImportInput, RejectedKey } from './reference/importing.ts';

export const zone = 'Asia/Kolkata';

/** A row of a statement: an invoice of customer C1 in Mumbai, over 100 rupees. */
export function buildRow(overrides: Partial<StatementRow> = {}): StatementRow {
  return {
    ...{ row: 2, code: 'C1', name: 'Customer', region: 'mumbai' as const, department: null, number: 'INV-1' },
    ...{ outstanding: 10_000, invoiceAmount: null, date: 20_300, age: null, status: null },
    ...{ remark: null, notes: null, engineer: null },
    ...overrides,
  };
}

/** A database of its own, gone with the test. Its writes need not survive a crash, so they do not wait for the disk. */
export async function openDatabase(t: Test): Promise<Db> {
  const client = new MongoClient(process.env.TEST_MONGODB_URI ?? 'mongodb://127.0.0.1:27017');
  const db = client.db(`receivables_${randomBytes(6).toString('hex')}`);
  t.teardown(async () => {
    await db.dropDatabase();
    await client.close();
  });
  for (const migration of receivablesMigrations) await migration.up(db);
  return db;
}

/** What a user does in these tests, based on that version. */
export function deedOf(by: string, expected: number | null = null): Deed {
  return {
    by,
    expected,
    entry: (action, code, before, after) =>
      auditEntry({
        system: 'receivables',
        actor: { userId: by, name: by },
        action,
        object: { type: 'customer', id: code },
        before,
        after,
        requestId: 'r',
        at: new Date(),
      }),
  };
}

export async function emptyDatabase(db: Db): Promise<void> {
  for (const { name } of await db.listCollections().toArray()) await db.collection(name).deleteMany({});
}

const header = [
  ...['Accode', 'Party Name', 'Region', 'Outstg', 'Inv.No', 'Inv.Amt', 'Inv.Date', 'Age'],
  ...['Department', 'Status', 'Remarks', 'Notes', 'Assigned Engineer'],
];

const excelEpoch = 25_569;

function cellOf(value: string | number | { day: number } | null): Cell | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return { kind: 'text', text: value };
  if (typeof value === 'number') return { kind: 'number', value };
  return { kind: 'date', value: value.day + excelEpoch };
}

function lineOf(row: StatementRow): (Cell | undefined)[] {
  const age = row.age === null ? null : 'days' in row.age ? row.age.days : row.age.bucket;
  return [
    row.code,
    row.name,
    row.region,
    row.outstanding / 100,
    row.number,
    row.invoiceAmount === null ? null : row.invoiceAmount / 100,
    row.date === null ? null : { day: row.date },
    age,
    row.department,
    row.status,
    row.remark,
    row.notes,
    row.engineer,
  ].map(cellOf);
}

function rejectedLine(row: RejectedKey): (Cell | undefined)[] {
  const region = row.region ?? 'Nowhere';
  const cells = [row.code, 'Refused', region, 'no amount', row.number, null, null, 5, row.department];
  return cells.map(cellOf);
}

/** The sheet that gives these rows: header, rows, refused rows, repetitions. */
export function sheetOf(input: ImportInput): SheetRow[] {
  const month = Number(input.month.slice(5)) - 1;
  const named = monthNames[input.headerMonthDiffers ? (month + 1) % 12 : month]!;
  const head = header.map((text) => cellOf(text === 'Outstg' ? `${named}.Outstg.Amt` : text));
  const repeated = input.rows.find((row) => row.number !== null);
  const again = repeated ? Array.from({ length: input.duplicates ?? 0 }, () => lineOf(repeated)) : [];
  const lines = [head, ...input.rows.map(lineOf), ...input.rejected.map(rejectedLine), ...again];
  return lines.map((cells, index) => ({ row: index + 1, hidden: false, cells }));
}

/** Repetitions need a row with a number to repeat. */
export function playable(command: Command): Command {
  if (command.type !== 'import' || command.rows.some((row) => row.number !== null)) return command;
  return { ...command, duplicates: 0 };
}

export interface EngineOutcome {
  code: ErrorCode | null;
  result?: StatementResult | undefined;
}

/** The module's own engine on a real database, taking the same commands as the reference. */
export async function createEngine(t: Test, db: Db, clock: Clock, engineers: readonly EngineerName[]) {
  const now = () => clock.at;
  const repository = createReceivablesRepository({ db, clock: now, reads: createSharedReads(db) });
  const context = { repository, clock: now, zone };
  const folder = await mkdtemp(join(tmpdir(), 'receivables-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const undone = new Set<string>();

  async function importStatement(input: ImportInput): Promise<StatementResult> {
    const engineerIds = (region: string, name: string) => {
      const found = engineers.filter((each) => each.region === region && keyOf(each.name) === name);
      return found.length === 1 ? found[0]!.id : null;
    };
    const { fileKey, month, department, covers, onError, uploadId, dryRun, confirm } = input;
    // What the route refuses before there is an upload.
    if (month > nowIn(clock.at, zone).running) throw new CodedError('MONTH_NOT_BEGUN');
    const asOf = input.asOf ?? asOfDay(month, nowIn(clock.at, zone));
    const tempDir = await mkdtemp(join(folder, 'run-'));
    return runStatement(
      { ...context, engineerIds: async () => engineerIds },
      {
        uploadId,
        key: JSON.stringify([fileKey, month, department, covers, onError]),
        params: { month, department, covers, asOf, confirm, confirmed: [] },
        dryRun,
        onError,
        by: 'tester',
        tempDir,
        saveErrors: async () => undefined,
        progress: async () => undefined,
        async readRows(reader, settle) {
          if (reader.onSheet({ name: 'Sheet1', index: 0, visible: true, date1904: false }) === 'read') {
            reader.onRows(sheetOf(input));
            await settle();
          }
        },
      },
    );
  }

  async function play(command: Command): Promise<StatementResult | undefined> {
    clock.at = new Date(command.at);
    switch (command.type) {
      case 'import':
        return importStatement(command);
      case 'undo':
        // That an import is undone once only is the platform's to know.
        if (undone.has(command.uploadId)) throw new CodedError('UPLOAD_ALREADY_UNDONE');
        if ((await repository.findImportRecord(command.uploadId)) === null) throw new CodedError('NOT_FOUND');
        await undoStatement(repository, command.uploadId);
        undone.add(command.uploadId);
        return undefined;
      case 'mark':
        await markInvoice(
          context,
          { regions: null },
          keyOf(command.code),
          command.number,
          command.status,
          deedOf('u'),
        );
        return undefined;
      case 'assign':
        await findKnownCustomer(context, { regions: null }, command.code);
        await assignEngineer(context, keyOf(command.code), command.engineerId, deedOf('u'));
        return undefined;
      case 'remark':
        await findKnownCustomer(context, { regions: null }, command.code);
        await enterFact(context, keyOf(command.code), 'remark', command.remark, deedOf('u'));
        return undefined;
      case 'notes':
        await findKnownCustomer(context, { regions: null }, command.code);
        await enterFact(context, keyOf(command.code), 'notes', command.notes, deedOf('u'));
        return undefined;
      case 'clock':
        return undefined;
    }
  }

  return {
    repository,
    async apply(command: Command): Promise<EngineOutcome> {
      try {
        return { code: null, result: await play(command) };
      } catch (error) {
        if (error instanceof CodedError) return { code: error.code };
        throw error;
      }
    },
  };
}

export type Engine = Awaited<ReturnType<typeof createEngine>>;
