import type { DayNumber, Month, Paise } from '@backoffice/core';

/** The 18 regions by wire code, with the label that a sheet may use. */
export const regionLabels = {
  ahmedabad: 'Ahmedabad',
  banglore: 'Bangalore',
  chennai: 'Chennai',
  delhi: 'Delhi',
  export: 'Export',
  goa: 'Goa',
  hyderabad: 'Hyderabad',
  indore: 'Indore',
  jaipur: 'Jaipur',
  kolkata: 'Kolkata',
  mumbai: 'Mumbai',
  nagpur: 'Nagpur',
  odisha: 'Odisha',
  pune: 'Pune',
  punjab: 'Punjab',
  raipur: 'Raipur',
  vizag: 'Vizag',
  wie: 'WIE',
} as const;
export type Region = keyof typeof regionLabels;
export const regionCodes = Object.keys(regionLabels) as Region[];

/** The roles of the system; compared exactly. */
export const roles = ['Admin', 'Country Manager', 'Manager', 'Engineer'] as const;

export const departments = ['Batching Plant', 'Pump'] as const;
export type Department = (typeof departments)[number];

export const remarks = [
  'payment received',
  'partial payment',
  'under follow-up',
  'dispute',
  'write-off',
  'none',
] as const;
export type Remark = (typeof remarks)[number];

export const invoiceStatuses = ['paid', 'unpaid', 'dispute'] as const;
export type InvoiceStatus = (typeof invoiceStatuses)[number];

export const ageBuckets = ['0-30', '31-90', '91-180', '181-365', '>365'] as const;
export type AgeBucket = (typeof ageBuckets)[number];

/** How old an amount is (contract, decision 10): the invoice's own date, a date counted back from `Age` days, or a label that stays. */
export type Ageing =
  | { kind: 'date'; day: DayNumber }
  | { kind: 'counted'; day: DayNumber }
  | { kind: 'bucket'; bucket: AgeBucket };

/** What a statement speaks for: a department of a region, or (null) the whole region. */
export interface Pair {
  department: Department | null;
  region: Region;
}

/** The key by which customer codes and invoice numbers are compared: trimmed and without case. */
export function keyOf(text: string): string {
  return text.trim().toLowerCase();
}

/** Puts texts in order by their characters: the same on every machine. */
export const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** One accepted row of a statement, as the sheet says it. `number` is null for an on-account amount. */
export interface StatementRow extends Pair {
  /** The sheet's own 1-based row. */
  row: number;
  /** As written, trimmed; compare by `keyOf`. */
  code: string;
  name: string;
  number: string | null;
  outstanding: Paise;
  /** Null where the sheet has none. */
  invoiceAmount: Paise | null;
  /** The row's own invoice date. */
  date: DayNumber | null;
  /** The sheet's `Age`: whole days, or a label. Used only where no date is known. */
  age: { days: number } | { bucket: AgeBucket } | null;
  /** A filled status cell, else null. */
  status: InvoiceStatus | null;
  remark: Remark | null;
  notes: string | null;
  engineer: string | null;
}

/** A row that was refused (contract, decision 21); the first reason for each row. */
export type { RowError } from '@backoffice/platform';

/** What a caller may see: null for every region, else exactly these (none at all: nothing). */
export interface Scope {
  regions: readonly Region[] | null;
}

/** What the caller asked for, read and checked: null means no filter. */
export interface Filter {
  region: Region | null;
  department: Department | null;
}

/** The figures of one month, filter and scope (contract, decisions 7 and 8). */
export interface MonthFigures {
  total: Paise;
  new: Paise;
  recovered: Paise;
  invoices: number;
  disputed: number;
  customers: number;
}

/** Where an earlier statement stands in for a month without one. */
export interface StandIn extends Pair {
  month: Month;
}

export interface AgeRow {
  region: Region;
  buckets: Record<AgeBucket, Paise>;
  total: Paise;
}

export interface TrendRow {
  month: Month;
  new: Paise;
  recovered: Paise;
}

export interface EngineerRow {
  engineerId: string;
  name: string;
  region: Region;
  collected: Paise;
  assigned: Paise;
}

/** All figures of one dashboard, from one state of the ledger. */
export interface DashboardFigures {
  /** The month shown, null when no statement stands anywhere and none was asked for. */
  month: Month;
  ledgerVersion: number;
  current: MonthFigures;
  previous: MonthFigures;
  /** The newest month before with a statement in the filter, null when there is none: then nothing is compared. */
  comparedWith: Month | null;
  standsIn: StandIn[];
  /** Regions in the filter with a statement for the month itself, of those in which something stands. */
  reported: number;
  standing: number;
  ages: AgeRow[];
  trend: { month: Month; regions: Partial<Record<Region, Paise>> }[];
  recovery: TrendRow[];
  engineers: EngineerRow[];
}

export interface TrackerRow {
  month: Month;
  reported: boolean;
  current: MonthFigures;
  previous: MonthFigures;
}

export type Figure =
  | 'total'
  | 'new'
  | 'recovered'
  | 'invoices'
  | 'disputed'
  | 'customers'
  | `age:${AgeBucket}`;

/** One line behind a figure. `amount` (paise, or 1 for a counted thing) sums to the figure over all lines. */
export interface ExplainLine {
  region: Region;
  customerCode: string;
  customerName: string;
  invoiceNumber: string | null;
  amount: number;
  /** Open paise in the month before and in the month; null on a line that is not a comparison. */
  from: Paise | null;
  to: Paise | null;
  kind: 'line' | 'offset';
}

export interface InvoiceView {
  number: string;
  invoiceAmount: Paise;
  outstanding: Paise;
  /** The real invoice date, null where only an age is known. */
  date: DayNumber | null;
  status: InvoiceStatus;
}

export interface CustomerView {
  id: string;
  code: string;
  name: string;
  region: Region;
  department: Department | null;
  agePeriod: AgeBucket | null;
  outstanding: Paise;
  invoices: InvoiceView[];
  remark: Remark;
  notes: string;
  engineerId: string | null;
}

export interface CustomerHistoryRow {
  month: Month;
  outstanding: Paise;
  new: Paise;
  recovered: Paise;
  invoices: number;
  disputed: number;
}
