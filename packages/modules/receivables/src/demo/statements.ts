import {
  addMonths,
  type DayNumber,
  financialYearOf,
  isoDate,
  lastDayOf,
  type Month,
  monthOfDay,
  monthsBetween,
  monthsOfYear,
  type Paise,
} from '@backoffice/core';
import { type Department, type Region, type Remark, regionCodes, regionLabels } from '../model.ts';
import { createFirm, type DemoFirm } from './firm.ts';

/** One line of a demo statement. */
export interface DemoRow {
  code: string;
  name: string;
  region: Region;
  department: Department;
  /** Negative: money on account. */
  outstanding: Paise;
  /** Null on account. */
  number: string | null;
  invoiceAmount: Paise | null;
  date: DayNumber;
  disputed: boolean;
  remark: Remark | null;
}

/** One file of a month: almost always the only one, for all regions. */
export interface DemoStatement {
  month: Month;
  asOf: DayNumber;
  /** Unique among all statements; the name of the file without its ending. */
  name: string;
  regions: readonly Region[];
  /** Whether the clerk filled a status column and a column of remarks this time. */
  withStatus: boolean;
  withRemarks: boolean;
}

/** In one month two regions hand in their part after all the others. */
const lateRegions: readonly Region[] = ['goa', 'vizag'];
const lateMonth = 10;

/** The first month of the demo data: April of the financial year before the one of `today`. */
export function firstMonth(today: DayNumber): Month {
  return addMonths(monthsOfYear(financialYearOf(monthOfDay(today)))[0]!, -12);
}

/** The statements of all months from `from` to the one of `today`, oldest first. */
export function listStatements({ from, today }: { from: Month; today: DayNumber }): DemoStatement[] {
  const statements: DemoStatement[] = [];
  for (let month = from; month <= monthOfDay(today); month = addMonths(month, 1)) {
    const index = monthsBetween(from, month);
    const asOf = Math.min(today, lastDayOf(month));
    const facts = { month, asOf, withStatus: index % 2 === 0, withRemarks: index % 3 === 2 };
    const inTime = regionCodes.filter((region) => index !== lateMonth || !lateRegions.includes(region));
    // The day belongs to the name: a running month is another file tomorrow.
    const name = `outstanding-${month}-as-on-${isoDate(asOf)}`;
    statements.push({ ...facts, name, regions: inTime });
    if (index === lateMonth) statements.push({ ...facts, name: `${name}-late`, regions: lateRegions });
  }
  return statements;
}

/** Gives the rows of statements of one story; the story is made once, for all of them. */
export function createStatementRows({ from, today }: { from: Month; today: DayNumber }) {
  const firm = createFirm({ from, until: monthOfDay(today) });
  return (statement: DemoStatement): DemoRow[] => statementRows(firm, statement);
}

/** What is open on the statement's day in its regions, as a clerk sorts it: region, customer, date. */
export function statementRows(firm: DemoFirm, statement: DemoStatement): DemoRow[] {
  const { asOf } = statement;
  const regions = new Set(statement.regions);
  const rows: DemoRow[] = [];
  for (const { customer, department, number, amount, issued, payments, dispute } of firm.invoices) {
    if (issued > asOf || !regions.has(customer.region)) continue;
    let outstanding = amount;
    for (const payment of payments) if (payment.day <= asOf) outstanding -= payment.amount;
    if (outstanding === 0) continue;
    const { code, name, region } = customer;
    rows.push({
      code,
      name,
      region,
      department,
      outstanding,
      number,
      invoiceAmount: amount,
      date: issued,
      disputed: dispute !== null && dispute.from <= asOf && asOf < dispute.to,
      remark: remarkOf(asOf - issued, outstanding < amount),
    });
  }
  for (const { customer, department, amount, paid, used } of firm.advances) {
    if (paid > asOf || used <= asOf || !regions.has(customer.region)) continue;
    const { code, name, region } = customer;
    const onAccount = { number: null, invoiceAmount: null, date: paid, disputed: false, remark: null };
    rows.push({ code, name, region, department, outstanding: -amount, ...onAccount });
  }
  return rows.sort(byPlace);
}

function remarkOf(days: number, partlyPaid: boolean): Remark | null {
  if (days > 300) return 'under follow-up';
  return days > 120 && partlyPaid ? 'partial payment' : null;
}

function byPlace(a: DemoRow, b: DemoRow): number {
  if (a.region !== b.region) return regionLabels[a.region] < regionLabels[b.region] ? -1 : 1;
  if (a.code !== b.code) return a.code < b.code ? -1 : 1;
  if (a.date !== b.date) return a.date - b.date;
  return (a.number ?? '') < (b.number ?? '') ? -1 : 1;
}
