import { CountsSchema, ImportWarningSchema, RowErrorSchema, UploadStatus } from '@backoffice/platform';
import { type TProperties, Type } from '@sinclair/typebox';
import { ageBuckets, departments, invoiceStatuses, regionCodes, remarks, roles } from './model.ts';

const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Union(values.map((value) => Type.Literal(value as T[number])));
const closed = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
const text = Type.Optional(Type.String({ maxLength: 100 }));
const rupees = (description = 'Rupees, at most two decimals') => Type.Number({ description });

export const RegionSchema = oneOf(regionCodes);
/** What a member of this system is, besides a user. */
export const MembershipProperties = {
  role: oneOf(roles),
  region: Type.Optional(
    Type.Union([RegionSchema, Type.Null()], {
      description: 'Of managers and engineers; without one they see nothing. Office roles see all regions.',
    }),
  ),
  department: Type.Optional(Type.Union([oneOf(departments), Type.Null()])),
};

export const MonthText = Type.String({
  pattern: '^[A-Z][a-z]{2}-\\d{2}$',
  description: 'For example Apr-25',
});

/** What the dashboards, the tracker and the customers are asked with; read by `asking.ts`. */
export const DashboardQuery = Type.Object({
  month: text,
  financialYear: text,
  region: text,
  department: text,
});
/** One customer; without a year as it stands now. */
export const CustomerQuery = Type.Object({ financialYear: text });
export const YearQuery = Type.Object({ financialYear: text, region: text, department: text });
export const CustomersQuery = Type.Object({
  ...YearQuery.properties,
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
});
export const UsersQuery = Type.Object({ region: text, role: Type.Optional(oneOf(roles)) });
export const figureNames = [
  ...['total', 'new', 'recovered', 'invoices', 'disputed', 'customers'],
  ...ageBuckets.map((bucket) => `age:${bucket}`),
] as const;
export const ExplainQuery = Type.Object({
  ...DashboardQuery.properties,
  figure: oneOf(figureNames),
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
});

// What the router takes, and more than a sheet may have.
export const CustomerParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100 }) });
export const InvoiceParams = Type.Object({
  ...CustomerParams.properties,
  invoiceNumber: Type.String({ minLength: 1, maxLength: 100 }),
});
export const RemarkBody = closed({ newRemark: oneOf(remarks) });
export const NotesBody = closed({ newNotes: Type.String({ maxLength: 5_000 }) });
export const StatusBody = closed({ newStatus: oneOf(invoiceStatuses) });
export const EngineerBody = closed({
  engineerId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'The id of a user, or a name' }),
  ),
  engineerName: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});

export const ErrorBody = Type.Object(
  { error: Type.String(), code: Type.String(), requestId: Type.String() },
  { additionalProperties: true },
);
export const Success = closed({ success: Type.Literal(true) });

const Kpi = closed({
  label: Type.String(),
  value: Type.String(),
  change: Type.Optional(Type.String({ pattern: '^[+-]' })),
  changeType: Type.Optional(oneOf(['increase', 'decrease'] as const)),
  description: Type.String(),
  amount: Type.Optional(rupees('The exact amount in rupees')),
  count: Type.Optional(Type.Integer()),
});
const Buckets = Object.fromEntries(ageBuckets.map((bucket) => [bucket, rupees()])) as Record<
  (typeof ageBuckets)[number],
  ReturnType<typeof rupees>
>;
const AgeRowSchema = closed({ region: RegionSchema, ...Buckets, total: rupees() });
const RegionAmount = closed({ region: RegionSchema, amount: rupees() });
const TrendRowSchema = Type.Object(
  { month: MonthText },
  { additionalProperties: rupees('Rupees by region code; the same regions in every row') },
);
const RecoveryRow = closed({ month: MonthText, new: rupees(), recovered: rupees() });
const EngineerRowSchema = closed({
  engineerId: Type.String(),
  name: Type.String(),
  region: RegionSchema,
  outstandingCollected: rupees(),
  newOutstandingAssigned: rupees(),
  netChange: rupees(),
});
export const RecoveryTrend = Type.Array(RecoveryRow);
export const EngineerPerformance = Type.Array(EngineerRowSchema);
const DepartmentOrNull = Type.Union([oneOf(departments), Type.Null()]);

export const Dashboard = closed({
  month: MonthText,
  financialYear: Type.String({ pattern: '^\\d{4}-\\d{4}$' }),
  kpis: Type.Array(Kpi, { minItems: 6, maxItems: 6 }),
  comparedWith: Type.Union([MonthText, Type.Null()]),
  standsIn: Type.Array(closed({ region: RegionSchema, department: DepartmentOrNull, month: MonthText })),
  outstandingByAge: Type.Array(AgeRowSchema),
  regionDistribution: Type.Array(RegionAmount),
  monthlyTrends: Type.Array(TrendRowSchema),
  outstandingRecoveryTrend: RecoveryTrend,
  engineerPerformance: EngineerPerformance,
});

export const Tracker = Type.Array(
  closed({
    monthYear: MonthText,
    previousMonthInvoices: Type.Integer(),
    previousMonthAmount: rupees(),
    currentMonthInvoices: Type.Integer(),
    currentMonthAmount: rupees(),
    invoiceCountChange: Type.Integer(),
    disputedInvoices: Type.Integer(),
    reported: Type.Boolean(),
  }),
);

const InvoiceSchema = closed({
  id: Type.String(),
  customerId: Type.String(),
  invoiceNumber: Type.String(),
  invoiceAmount: rupees(),
  outstandingAmount: rupees(),
  invoiceDate: Type.String({
    description: 'ISO date-time at midnight UTC of the calendar date; empty if unknown',
  }),
  status: oneOf(invoiceStatuses),
});
export const Customer = closed({
  id: Type.String(),
  customerCode: Type.String(),
  customerName: Type.String(),
  region: RegionSchema,
  department: Type.Optional(oneOf(departments)),
  agePeriod: Type.Optional(oneOf(ageBuckets)),
  outstandingAmount: rupees(),
  invoices: Type.Array(InvoiceSchema),
  remarks: oneOf(remarks),
  notes: Type.String(),
  assignedEngineer: Type.String({ description: 'The name; empty when nobody is assigned' }),
  assignedEngineerId: Type.Union([Type.String(), Type.Null()]),
});
export const Customers = Type.Array(Customer);

export const History = Type.Array(
  closed({
    month: MonthText,
    outstandingAmount: rupees(),
    new: rupees(),
    recovered: rupees(),
    invoices: Type.Integer(),
    disputedInvoices: Type.Integer(),
  }),
);

export const Explained = closed({
  figure: oneOf(figureNames),
  month: MonthText,
  value: Type.Number({ description: 'The figure: rupees, or a count. The lines of all pages sum to it.' }),
  count: Type.Integer({ description: 'How many lines there are' }),
  page: Type.Integer(),
  limit: Type.Integer(),
  lines: Type.Array(
    closed({
      kind: oneOf(['line', 'offset'] as const),
      region: RegionSchema,
      customerCode: Type.String(),
      customerName: Type.String(),
      invoiceNumber: Type.Union([Type.String(), Type.Null()], { description: 'null: on account' }),
      amount: Type.Number({ description: 'What the line adds: rupees, or 1' }),
      from: Type.Union([rupees('Open in the month before'), Type.Null()]),
      to: Type.Union([rupees('Open in the month'), Type.Null()]),
    }),
  ),
});

export const Users = Type.Array(
  closed({
    id: Type.String(),
    name: Type.String(),
    email: Type.Union([Type.String(), Type.Null()]),
    role: Type.String(),
    region: Type.Union([RegionSchema, Type.Null()]),
    department: Type.Union([Type.String(), Type.Null()]),
    contact: Type.String(),
  }),
);

export const UploadBody = Type.Object({
  file: Type.String({ format: 'binary' }),
  month: Type.String({ description: 'For example Apr-25' }),
  financialYear: text,
  department: text,
  dryRun: text,
  onError: text,
  covers: text,
  confirm: text,
});
export const UploadAnswer = Type.Object(
  {
    ...UploadStatus.properties,
    count: Type.Integer(),
    message: Type.String(),
    counts: CountsSchema,
    errors: Type.Array(RowErrorSchema),
    warnings: Type.Array(ImportWarningSchema),
  },
  { additionalProperties: true },
);
