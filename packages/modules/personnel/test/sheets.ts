import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, type ErrorCode } from '@backoffice/core';
import type { ImportResult, RowError } from '@backoffice/platform';
import type { Cell, SheetRow } from '@backoffice/spreadsheet';
import { ObjectId } from 'mongodb';
import type { Test } from 'tap';
import type { RecordRowError } from '../src/imports/row-errors.ts';
import type { ParsedRow } from '../src/imports/rows.ts';
import { type ImportInput, type ImportParams, runImport } from '../src/imports/run.ts';
import { createSheetReader, type SheetReader, type SheetResult } from '../src/imports/sheet.ts';
import type { PersonnelFields } from '../src/model.ts';
import type { PersonnelRepository } from '../src/repository.ts';

/** A cell from what a test writes: text, a number, nothing, or the cell itself. */
export type Written = string | number | null | Cell;

export const header = [
  ...['Army No', 'Rank', 'Surname', 'First Name', 'Other Names', 'Phone', 'Bank', 'Sort Code'],
  ...['Account No', 'Sub Sector', 'Location', 'Status', 'Remark'],
];

function cell(value: Written): Cell | undefined {
  if (value === null) return undefined;
  if (typeof value === 'string') return { kind: 'text', text: value };
  return typeof value === 'number' ? { kind: 'number', value } : value;
}

/** Lines as rows 1, 2, 3 … of a sheet; empty ones are not there. */
export function sheetRows(lines: readonly Written[][]): SheetRow[] {
  return lines
    .map((line, i) => ({ row: i + 1, hidden: false, cells: line.map(cell) }))
    .filter(({ cells }) => cells.some((each) => each !== undefined));
}

/** The row of a record under `header`. */
export function lineOf(fields: PersonnelFields, status: string | null = null): Written[] {
  const { bank } = fields;
  return [
    ...[fields.army_number, fields.rank, fields.last_name, fields.first_name, fields.middle_name],
    ...[fields.phone_number, bank.name, bank.sort_code, fields.acct_number, fields.sub_sector],
    ...[fields.location, status, fields.remark],
  ];
}

export function feed(reader: SheetReader, lines: readonly Written[][], name = 'Sheet1'): void {
  if (reader.onSheet({ name, index: 0, visible: true, date1904: false }) === 'skip') return;
  reader.onRows(sheetRows(lines));
}

export interface Read {
  rows: ParsedRow[];
  errors: RecordRowError[];
  result: SheetResult;
}

/** What a sheet is read as. */
export function readLines(lines: readonly Written[][]): Read {
  const rows: ParsedRow[] = [];
  const errors: RecordRowError[] = [];
  const reader = createSheetReader(
    (row) => rows.push(row),
    (error) => errors.push(error),
  );
  feed(reader, lines);
  return { rows, errors, result: reader.finish() };
}

export interface Asked {
  db: string;
  lines: readonly Written[][];
  onExisting?: ImportParams['onExisting'];
  onError?: 'reject_rows' | 'reject_all';
  dryRun?: boolean;
  key?: string;
  at?: Date;
  attempts?: number;
  uploadId?: ObjectId;
}

export interface Outcome {
  code: ErrorCode | null;
  error?: CodedError;
  result?: ImportResult;
  upload: ImportInput['upload'] & { counts: ImportResult['counts'] | null };
  saved: RowError[];
}

/** Runs imports as the worker does, from lines instead of a file. */
export function createImporter(t: Test, repository: PersonnelRepository, clock: () => Date) {
  const folder = mkdtemp(join(tmpdir(), 'personnel-test-'));
  t.teardown(async () => rm(await folder, { recursive: true, force: true }));

  function uploadOf(asked: Asked): ImportInput['upload'] {
    const { db, onExisting = 'reject', onError = 'reject_rows', dryRun = false } = asked;
    return {
      _id: asked.uploadId ?? new ObjectId(),
      params: { dbId: db, onExisting },
      dedupeKey: asked.key ?? new ObjectId().toHexString(),
      dryRun,
      onError,
      createdAt: asked.at ?? clock(),
      createdBy: { userId: 'u-1', name: 'Asha Rao' },
      requestId: 'r-1',
      attempts: asked.attempts ?? 1,
    };
  }

  return async function importLines(asked: Asked, through = repository): Promise<Outcome> {
    const upload = uploadOf(asked);
    const saved: RowError[] = [];
    const facts = { upload: { ...upload, counts: null }, saved };
    try {
      const result = await runImport(
        { repository: through, isGivenUp: async () => false },
        {
          upload,
          tempDir: await mkdtemp(join(await folder, 'run-')),
          signal: new AbortController().signal,
          saveErrors: async (errors) => void saved.push(...errors),
          progress: async () => undefined,
          async readRows(reader, settle) {
            feed(reader, asked.lines);
            await settle();
          },
        },
      );
      return { ...facts, code: null, result, upload: { ...upload, counts: result.counts } };
    } catch (error) {
      if (error instanceof CodedError) return { ...facts, code: error.code, error };
      throw error;
    }
  };
}
