import fc from 'fast-check';
import type { AgeBucket, InvoiceStatus, Region, Remark } from '../../src/model.ts';
import { ageBuckets, invoiceStatuses, remarks } from '../../src/model.ts';

/**
 * Steps as fast-check draws and shrinks them: small numbers that point into the firm (customer 3, the last
 * import but `of`). `scenario.ts` turns them into commands.
 */
export type DepartmentMode = 'none' | 'Batching Plant' | 'Pump' | 'both' | 'mixed';
export type AgeMode = 'dates' | 'days' | 'labels' | 'nothing';
export type AmountKind = 'full' | 'half' | 'double' | 'zero' | 'credit' | 'huge' | 'one';

export interface RowSpec {
  customer: number;
  /** Null: on-account money. */
  invoice: number | null;
  amount: AmountKind;
  invoiceAmount: boolean;
  /** Overrides how the file tells ages. */
  age: { days: number } | { bucket: AgeBucket } | { date: number } | 'nothing' | null;
  status: InvoiceStatus | null;
  said: { remark: Remark | null; notes: string | null; engineer: number | null } | null;
  /** Sits in the other department than the firm's pattern says. */
  odd: boolean;
}

export interface RejectedSpec {
  customer: number;
  invoice: number | null;
  odd: boolean;
  /** The code or the region could not be read. */
  lost: 'code' | 'region' | null;
}

export interface Options {
  covers: 'listed' | 'all';
  onError: 'reject_rows' | 'reject_all';
  confirm: boolean;
  dryRun: boolean;
  headerMonthDiffers: boolean;
  duplicates: number;
}

export interface FileSpec {
  monthsBack: number;
  departments: DepartmentMode;
  /** The form's department fills the blank cells instead of the sheet naming it. */
  byForm: boolean;
  ages: AgeMode;
  /** Bits: which of the firm's regions are in the file; none means all. */
  regions: number;
  /** All invoices of the firm but every n-th are in the file, besides `rows`; null: only `rows`. */
  all: number | null;
  rows: RowSpec[];
  rejected: RejectedSpec[];
  lowerCase: boolean;
  moved: number | null;
  options: Options;
}

export type Step =
  | { type: 'import'; file: FileSpec }
  /** An earlier file with some rows dropped or changed, for the same month or a later one. */
  | {
      type: 'amended';
      of: number;
      monthsOn: number;
      drop: number;
      change: number;
      rejectDropped: boolean;
      options: Options;
    }
  /** The same file again, mostly for the same month. */
  | { type: 'again'; of: number; monthsOn: number; confirm: boolean }
  | { type: 'undo'; of: number }
  /** On the n-th row of an import. */
  | { type: 'mark'; of: number; nth: number; status: InvoiceStatus }
  | { type: 'assign'; of: number; nth: number; engineer: number | null }
  | { type: 'remark'; of: number; nth: number; remark: Remark }
  | { type: 'notes'; of: number; nth: number; notes: string }
  | { type: 'clock'; days: number; hours: number };

export interface Firm {
  regions: Region[];
  /** Customers in each region. */
  sizes: number[];
  invoices: number;
  /** Day of 2025 on which it starts, and the hour (UTC: 18:30 is midnight in India). */
  startDay: number;
  startHour: number;
  /** Begins with a statement of nearly everything, some months back; null: with whatever comes. */
  opening: { monthsBack: number; departments: DepartmentMode } | null;
}

const rarely = (weight: number): fc.Arbitrary<boolean> =>
  fc.oneof({ arbitrary: fc.constant(false), weight: 100 - weight }, { arbitrary: fc.constant(true), weight });

const customer = fc.nat({ max: 31 });
const invoice = fc.nat({ max: 7 });
const invoiceOrMoney = fc.oneof(
  { arbitrary: invoice, weight: 4 },
  { arbitrary: fc.constant(null), weight: 1 },
);

const sometimes = <T>(arbitrary: fc.Arbitrary<T>, freq: number): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null, freq });

const age: fc.Arbitrary<RowSpec['age']> = fc.oneof(
  { arbitrary: fc.constant(null), weight: 14 },
  {
    arbitrary: fc.record({ days: fc.oneof(fc.nat({ max: 400 }), fc.constantFrom(0, 30, 31, 90, 180, 365)) }),
    weight: 1,
  },
  { arbitrary: fc.record({ bucket: fc.constantFrom(...ageBuckets) }), weight: 1 },
  { arbitrary: fc.record({ date: fc.integer({ min: -10, max: 400 }) }), weight: 1 },
  { arbitrary: fc.constant('nothing' as const), weight: 1 },
);

const row: fc.Arbitrary<RowSpec> = fc.record({
  customer,
  invoice: invoiceOrMoney,
  amount: fc.oneof(
    { arbitrary: fc.constant<AmountKind>('full'), weight: 5 },
    { arbitrary: fc.constantFrom<AmountKind>('half', 'double', 'zero', 'credit', 'huge', 'one'), weight: 5 },
  ),
  invoiceAmount: fc.boolean(),
  age,
  status: fc.oneof(
    { arbitrary: fc.constant(null), weight: 4 },
    { arbitrary: fc.constantFrom(...invoiceStatuses), weight: 1 },
  ),
  said: fc.oneof(
    { arbitrary: fc.constant(null), weight: 6 },
    {
      arbitrary: fc.record({
        remark: sometimes(fc.constantFrom(...remarks), 1),
        notes: sometimes(fc.constantFrom('call again', 'promised'), 1),
        engineer: sometimes(fc.nat({ max: 8 }), 1),
      }),
      weight: 1,
    },
  ),
  odd: rarely(10),
});

const options: fc.Arbitrary<Options> = fc.record({
  covers: rarely(12).map((all) => (all ? ('all' as const) : ('listed' as const))),
  onError: rarely(8).map((all) => (all ? ('reject_all' as const) : ('reject_rows' as const))),
  confirm: rarely(70),
  dryRun: rarely(6),
  headerMonthDiffers: rarely(5),
  duplicates: fc.oneof(
    { arbitrary: fc.constant(0), weight: 9 },
    { arbitrary: fc.nat({ max: 2 }), weight: 1 },
  ),
});

const departments = fc.constantFrom<DepartmentMode>(
  'none',
  'none',
  'both',
  'both',
  'Batching Plant',
  'Pump',
  'mixed',
);

const file: fc.Arbitrary<FileSpec> = fc.record({
  monthsBack: fc.oneof(
    { arbitrary: fc.constant(0), weight: 3 },
    { arbitrary: fc.nat({ max: 7 }), weight: 6 },
    { arbitrary: fc.constant(-1), weight: 1 },
  ),
  departments,
  byForm: fc.boolean(),
  ages: fc.constantFrom<AgeMode>('dates', 'dates', 'dates', 'days', 'days', 'labels', 'labels', 'nothing'),
  regions: fc.nat({ max: 15 }),
  all: sometimes(fc.integer({ min: 2, max: 5 }), 4),
  rows: fc.array(row, { maxLength: 12, size: 'max' }),
  rejected: fc.oneof(
    { arbitrary: fc.constant<RejectedSpec[]>([]), weight: 3 },
    {
      arbitrary: fc.array(
        fc.record({
          customer,
          invoice: invoiceOrMoney,
          odd: rarely(20),
          lost: fc.oneof(
            { arbitrary: fc.constant(null), weight: 6 },
            { arbitrary: fc.constantFrom('code' as const, 'region' as const), weight: 1 },
          ),
        }),
        { minLength: 1, maxLength: 5 },
      ),
      weight: 2,
    },
  ),
  lowerCase: rarely(15),
  moved: fc.oneof({ arbitrary: fc.constant(null), weight: 9 }, { arbitrary: customer, weight: 1 }),
  options,
});

/** Only every eighth row stays. */
export const dropNearlyAll = 6;
const earlier = fc.nat({ max: 6 });
/** The last one points at nothing that exists. */
export const nowhere = 40;
const nth = fc.nat({ max: nowhere });

export const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant('import' as const), file }), weight: 8 },
  {
    arbitrary: fc.record({
      type: fc.constant('amended' as const),
      of: earlier,
      monthsOn: fc.constantFrom(0, 0, 1, 1, 2),
      drop: fc.nat({ max: dropNearlyAll }),
      change: fc.nat({ max: 6 }),
      rejectDropped: rarely(40),
      options,
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('again' as const),
      of: earlier,
      monthsOn: fc.constantFrom(0, 0, 0, 1),
      confirm: rarely(70),
    }),
    weight: 2,
  },
  { arbitrary: fc.record({ type: fc.constant('undo' as const), of: earlier }), weight: 3 },
  {
    arbitrary: fc.record({
      type: fc.constant('mark' as const),
      of: earlier,
      nth,
      status: fc.constantFrom(...invoiceStatuses),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('assign' as const),
      of: earlier,
      nth,
      engineer: fc.option(fc.nat({ max: 7 }), { nil: null, freq: 5 }),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('remark' as const),
      of: earlier,
      nth,
      remark: fc.constantFrom(...remarks),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('notes' as const),
      of: earlier,
      nth,
      notes: fc.constantFrom('', 'called', 'visit'),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      type: fc.constant('clock' as const),
      days: fc.nat({ max: 45 }),
      hours: fc.nat({ max: 23 }),
    }),
    weight: 4,
  },
);

const regionPool: Region[] = ['mumbai', 'delhi', 'banglore', 'wie'];

export const firm: fc.Arbitrary<Firm> = fc.record({
  regions: fc.integer({ min: 2, max: 4 }).map((count) => regionPool.slice(0, count)),
  sizes: fc.array(fc.integer({ min: 3, max: 8 }), { minLength: 4, maxLength: 4 }),
  invoices: fc.integer({ min: 2, max: 8 }),
  startDay: fc.integer({ min: 0, max: 330 }),
  startHour: fc.constantFrom(3, 10, 18, 19, 23),
  opening: fc.option(fc.record({ monthsBack: fc.nat({ max: 7 }), departments }), { nil: null, freq: 4 }),
});
