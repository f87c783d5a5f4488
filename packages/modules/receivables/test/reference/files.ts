import {
  addMonths,
  dayFromCivil,
  dayInZone,
  lastDayOf,
  type Month,
  monthOfDay,
  type Paise,
} from '@backoffice/core';
import type { AgeBucket, Department, Region, StatementRow } from '../../src/model.ts';
import type { Engineer } from './events.ts';
import type { ImportInput, RejectedKey } from './importing.ts';
import {
  type AmountKind,
  dropNearlyAll,
  type FileSpec,
  type Firm,
  type RowSpec,
  type Step,
} from './steps.ts';

export const zone = 'Asia/Kolkata';

interface Customer {
  code: string;
  region: Region;
}

interface Common {
  at: string;
  number: number;
  customers: Customer[];
  firm: Firm;
  engineers: Engineer[];
}

export function customersOf(firm: Firm): Customer[] {
  return firm.regions.flatMap((region, r) =>
    Array.from({ length: firm.sizes[r]! }, (_, i) => ({ code: `C${r}${i}`, region })),
  );
}

/** Two for each region; the names of the first ones are alike in all regions. */
export function engineersOf(regions: Region[]): Engineer[] {
  return regions.flatMap((region) => [
    { id: `engineer-${region}-1`, name: 'Asha Rao', region },
    { id: `engineer-${region}-2`, name: `Ravi of ${region}`, region },
  ]);
}

export function fileOf(spec: FileSpec, common: Common): ImportInput {
  const { at, number, customers, firm, engineers } = common;
  const month = addMonths(runningMonth(at), -spec.monthsBack);
  const asOf = asOfAt(month, at);
  const inFile = firm.regions.filter((_, r) => spec.regions === 0 || spec.regions & (1 << r));
  const regionOf = (index: number): Region => {
    const region = customers[index]!.region;
    const moved = spec.moved !== null && spec.moved % customers.length === index;
    return moved ? firm.regions[(firm.regions.indexOf(region) + 1) % firm.regions.length]! : region;
  };
  const specs = [...spec.rows, ...(spec.all === null ? [] : standardRows(firm, customers.length, spec.all))];
  const rows: StatementRow[] = [];
  const taken = new Set<string>();
  for (const row of specs) {
    const index = row.customer % customers.length;
    const invoice = row.invoice === null ? null : row.invoice % firm.invoices;
    const region = regionOf(index);
    // One row per invoice, on-account money in several parts.
    const key = `${index} ${invoice}`;
    const department = departmentOf(spec.departments, index, invoice, row.odd);
    if (!inFile.includes(region) || (invoice !== null && taken.has(key)) || department === 'not in file')
      continue;
    taken.add(key);
    rows.push({
      row: rows.length + 2,
      code: spec.lowerCase ? customers[index]!.code.toLowerCase() : customers[index]!.code,
      name: `Customer ${index}${spec.lowerCase ? ' Ltd' : ''}`,
      region,
      department,
      number: invoice === null ? null : numberOf(invoice, spec.lowerCase),
      outstanding: amountOf(row.amount, index, invoice, rows.length),
      invoiceAmount: row.invoiceAmount && invoice !== null ? amountOf('double', index, invoice, 0) : null,
      ...ageOf(row, spec.ages, index, invoice, asOf),
      status: row.status,
      remark: row.said?.remark ?? null,
      notes: row.said?.notes ?? null,
      engineer:
        row.said && row.said.engineer !== null
          ? (engineers[row.said.engineer]?.name ?? 'Nobody Known')
          : null,
    });
  }
  const rejected: RejectedKey[] = spec.rejected.map((row) => {
    const index = row.customer % customers.length;
    const invoice = row.invoice === null ? null : row.invoice % firm.invoices;
    const department = departmentOf(spec.departments, index, invoice, row.odd);
    return {
      code: row.lost === 'code' ? null : customers[index]!.code,
      number: invoice === null ? null : numberOf(invoice, false),
      onAccount: invoice === null,
      department: department === 'not in file' ? null : department,
      region: row.lost === 'region' ? null : regionOf(index),
    };
  });
  const single =
    spec.departments === 'Batching Plant' || spec.departments === 'Pump' ? spec.departments : null;
  const form = spec.byForm ? single : null;
  const blank = <T extends { department: Department | null }>(row: T): T =>
    form && row.department === form ? { ...row, department: null } : row;
  return {
    uploadId: `upload-${number}`,
    fileKey: `file-${number}`,
    month,
    rows: rows.map(blank),
    rejected: rejected.map(blank),
    department: form,
    ...spec.options,
    at,
    asOf,
  };
}

/** An earlier file with every n-th row dropped (or refused) and every m-th changed. */
export function amended(earlier: ImportInput, step: Step & { type: 'amended' }, common: Common): ImportInput {
  const month = notAfter(addMonths(earlier.month, step.monthsOn), common.at);
  const isDropped = (i: number): boolean =>
    step.drop === dropNearlyAll ? i % 8 !== 0 : step.drop > 0 && i % (step.drop + 1) === 0;
  const dropped = earlier.rows.filter((_, i) => isDropped(i));
  const rows = earlier.rows
    .filter((_, i) => !isDropped(i))
    .map((row, i) =>
      step.change > 0 && i % (step.change + 1) === 0
        ? { ...row, outstanding: Math.trunc(row.outstanding / 2) }
        : row,
    );
  const rejected = step.rejectDropped
    ? dropped.map(({ code, number, department, region }) => ({
        code,
        number,
        onAccount: number === null,
        department,
        region,
      }))
    : [];
  return {
    ...earlier,
    ...step.options,
    uploadId: `upload-${common.number}`,
    fileKey: `file-${common.number}`,
    month,
    rows,
    rejected,
    at: common.at,
    asOf: asOfAt(month, common.at),
  };
}

function runningMonth(at: string): Month {
  return monthOfDay(dayInZone(new Date(at), zone));
}

export function notAfter(month: Month, at: string): Month {
  const running = runningMonth(at);
  return month > running ? running : month;
}

function asOfAt(month: Month, at: string): number {
  return month < runningMonth(at) ? lastDayOf(month) : dayInZone(new Date(at), zone);
}

function numberOf(invoice: number, lowerCase: boolean): string {
  return `${lowerCase ? 'inv' : 'INV'}-${invoice}`;
}

const standard: Omit<RowSpec, 'customer' | 'invoice'> = {
  amount: 'full',
  invoiceAmount: false,
  age: null,
  status: null,
  said: null,
  odd: false,
};

function standardRows(firm: Firm, customers: number, skip: number): RowSpec[] {
  const rows: RowSpec[] = [];
  for (let customer = 0; customer < customers; customer += 1) {
    for (let invoice = 0; invoice < firm.invoices; invoice += 1) {
      if ((customer + invoice) % skip === 0) continue;
      rows.push({ ...standard, customer, invoice });
    }
    // Some have an advance as well.
    if (customer % 3 === 0) rows.push({ ...standard, customer, invoice: null });
  }
  return rows;
}

/** Customers and their invoices are spread over the departments in a fixed pattern. */
function departmentOf(
  mode: FileSpec['departments'],
  customer: number,
  invoice: number | null,
  odd: boolean,
): Department | null | 'not in file' {
  const pattern = customer + (invoice ?? 0) + (odd ? 1 : 0);
  const home: Department = pattern % 2 === 0 ? 'Batching Plant' : 'Pump';
  if (mode === 'none') return null;
  if (mode === 'both') return home;
  if (mode === 'mixed') return pattern % 3 === 0 ? null : home;
  return odd || home === mode ? mode : 'not in file';
}

function amountOf(kind: AmountKind, customer: number, invoice: number | null, nth: number): Paise {
  // On-account parts of one row after the other, some of which cancel out.
  const base =
    invoice === null
      ? nth % 2 === 0
        ? -25_000
        : 25_000
      : 1 + ((customer * 7919 + invoice * 104_729) % 900_000);
  const factor = { full: 1, double: 2, credit: -1, huge: 1_000_003, half: 0.5, zero: 0, one: 0 }[kind];
  return kind === 'one' ? 1 : Math.trunc(base * factor);
}

function ageOf(
  row: RowSpec,
  mode: FileSpec['ages'],
  customer: number,
  invoice: number | null,
  asOf: number,
): Pick<StatementRow, 'date' | 'age'> {
  if (row.age === 'nothing') return { date: null, age: null };
  if (row.age && 'date' in row.age) return { date: asOf - row.age.date, age: null };
  if (row.age) return { date: null, age: row.age };
  const base = dayFromCivil(2024, 7, 1)! + ((customer * 31 + (invoice ?? 9) * 53) % 300);
  const days = Math.max(0, asOf - base);
  // The pattern's own dates agree from file to file; on-account money has no other way to be dated.
  if (mode === 'dates') return { date: base, age: null };
  if (mode === 'days' || (mode === 'nothing' && invoice === null)) return { date: null, age: { days } };
  return { date: null, age: mode === 'labels' ? { bucket: labelOf(days) } : null };
}

function labelOf(days: number): AgeBucket {
  return days <= 30
    ? '0-30'
    : days <= 90
      ? '31-90'
      : days <= 180
        ? '91-180'
        : days <= 365
          ? '181-365'
          : '>365';
}
