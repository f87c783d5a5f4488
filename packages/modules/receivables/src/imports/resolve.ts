import type { DayNumber } from '@backoffice/core';
import type { Spool } from '@backoffice/platform';
import { createWarningList, type Warning } from '@backoffice/spreadsheet';
import { keyOf, type Region, type RowError } from '../model.ts';
import type { ReceivablesRepository } from '../repository.ts';
import type { StoredLine } from '../rollups/fold.ts';
import { type Cells, type Ledger, type Slot, slotOf } from '../rollups/ledger.ts';
import { checkCustomerRows, rejectUndated } from './checks.ts';
import { type KnownInvoice, listKnownInvoices } from './known.ts';
import type { ParsedRow, RejectedRow } from './parsed.ts';

export type SpooledRow = { row: ParsedRow } | { rejected: RejectedRow };

/** A row that is accepted, with what was known of its invoice filled in. */
export interface ResolvedRow {
  region: Region;
  shown: string;
  name: string;
  row: number;
  line: StoredLine;
  remark: ParsedRow['remark'];
  notes: string | null;
  engineer: string | null;
}

export interface ResolvedCustomer {
  code: string;
  rows: ResolvedRow[];
  /** Rejected rows that name an invoice or the on-account amount: their earlier lines are kept. */
  rejected: { number: string | null; slot: Slot; region: Region | null }[];
}

export interface Resolution {
  sheet: string;
  cells: Cells;
  accepted: number;
  duplicates: number;
  rejected: number;
  errors: RowError[];
  warnings: Warning[];
}

/**
 * The checks that need other rows or earlier statements, one batch of the customers after the other:
 * duplicates, one region per customer, and the invoice dates that only earlier statements know.
 */
export async function resolveRows(
  repository: ReceivablesRepository,
  ledger: Ledger,
  sheet: string,
  asOf: DayNumber,
  from: Spool<SpooledRow>,
  into: Spool<ResolvedCustomer>,
): Promise<Resolution> {
  const result: Resolution = {
    ...{ sheet, cells: {}, accepted: 0, duplicates: 0, rejected: 0, errors: [], warnings: [] },
  };
  const warnings = createWarningList();
  const owners = new Map<string, string>();
  let shared = 0;
  let example = '';
  for await (const { records } of from.batches()) {
    const byCode = new Map<string, { rows: ParsedRow[]; rejected: RejectedRow[] }>();
    for (const record of records) {
      const code = keyOf('row' in record ? record.row.code : record.rejected.code!);
      const own = byCode.get(code) ?? { rows: [], rejected: [] };
      if ('row' in record) own.rows.push(record.row);
      else own.rejected.push(record.rejected);
      byCode.set(code, own);
    }
    const checked = [...byCode].map(([code, { rows, rejected }]) => {
      const checks = checkCustomerRows(sheet, rows);
      result.duplicates += checks.duplicates.length;
      for (const warning of checks.warnings) warnings.add({ count: 1, ...warning });
      return {
        code,
        accepted: checks.accepted,
        refused: checks.rejected,
        rejected: [...rejected, ...checks.rejected],
      };
    });
    const asking = checked.filter(({ accepted }) =>
      accepted.some((row) => row.number !== null && (row.date === null || row.invoiceAmount === null)),
    );
    const known = await listKnownInvoices(
      repository,
      ledger,
      asking.map(({ code }) => code),
    );
    for (const { code, accepted, refused, rejected } of checked) {
      result.errors.push(...refused.map((each) => each.error));
      const customer: ResolvedCustomer = { code, rows: [], rejected: [] };
      for (const row of accepted) {
        const line = lineOf(row, row.number === null ? {} : known(code, keyOf(row.number)), asOf);
        if (line === null) {
          const refusedRow = rejectUndated(sheet, row);
          rejected.push(refusedRow);
          result.errors.push(refusedRow.error);
          continue;
        }
        const { region, remark, notes, engineer, name, row: at } = row;
        customer.rows.push({ region, shown: row.code, name, row: at, line, remark, notes, engineer });
        const given = result.cells[region] ?? [];
        result.cells[region] = given;
        if (!given.includes(line.d)) given.push(line.d);
        result.accepted += 1;
        if (line.n === null) continue;
        const owner = owners.get(line.n);
        if (owner === undefined) owners.set(line.n, row.code);
        else if (keyOf(owner) !== code) {
          shared += 1;
          example ||= `${line.s} is an invoice of ${owner} and of ${row.code}`;
        }
      }
      for (const { number, onAccount, department, region } of rejected) {
        if (number === null && !onAccount) continue;
        customer.rejected.push({
          number: number === null ? null : keyOf(number),
          slot: slotOf(department),
          region,
        });
      }
      into.add(code, customer);
    }
    await into.settle();
  }
  for (const given of Object.values(result.cells)) given.sort();
  result.rejected = result.errors.length;
  if (shared > 0) {
    const message = `Some invoice numbers belong to more than one customer: ${example}. Series may repeat; check them if they should not.`;
    warnings.add({ code: 'NUMBER_OF_ANOTHER_CUSTOMER', message, count: shared });
  }
  result.warnings = warnings.list();
  return result;
}

/** The line to store; null when neither the row nor an earlier statement says how old it is (decision 10). */
function lineOf(row: ParsedRow, known: KnownInvoice, asOf: DayNumber): StoredLine | null {
  const line: StoredLine = {
    d: slotOf(row.department),
    n: row.number === null ? null : keyOf(row.number),
    s: row.number,
    a: row.outstanding,
    i: row.invoiceAmount ?? known.invoiceAmount ?? row.outstanding,
  };
  const date = row.date ?? known.date;
  if (date !== undefined) line.g = date;
  else if (row.age === null) return null;
  else if ('bucket' in row.age) line.b = row.age.bucket;
  else {
    line.g = asOf - row.age.days;
    line.c = 1;
  }
  if (row.status !== null && line.n !== null) line.t = row.status;
  return line;
}
