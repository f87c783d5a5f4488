import {
  financialYearOf,
  formatRupees,
  groupIndian,
  isoDate,
  type Paise,
  rupeesFromPaise,
  wireMonth,
  wireYear,
} from '@backoffice/core';
import type { Static } from '@sinclair/typebox';
import type { EngineerName } from './figures.ts';
import {
  type AgeRow,
  ageBuckets,
  type CustomerHistoryRow,
  type CustomerView,
  type DashboardFigures,
  type EngineerRow,
  type MonthFigures,
  type TrackerRow,
  type TrendRow,
} from './model.ts';
import type {
  Customers,
  Dashboard,
  EngineerPerformance,
  History,
  RecoveryTrend,
  Tracker,
} from './schemas.ts';

type Kpi = Static<typeof Dashboard>['kpis'][number];

/**
 * The change against a base in percent with one decimal, rounded half away from zero on whole numbers;
 * nothing on a base of 0 or less (decision 9).
 */
export function percentChange(from: Paise, to: Paise): Pick<Kpi, 'change' | 'changeType'> {
  if (from <= 0) return {};
  const difference = BigInt(to) - BigInt(from);
  const size = difference < 0n ? -difference : difference;
  const tenths = (size * 2000n + BigInt(from)) / (2n * BigInt(from));
  const falls = difference < 0n && tenths > 0n;
  const text = `${falls ? '-' : '+'}${tenths / 10n}.${tenths % 10n}%`;
  return { change: text, changeType: falls ? 'decrease' : 'increase' };
}

function countChange(from: number, to: number): Pick<Kpi, 'change' | 'changeType'> {
  const difference = to - from;
  return {
    change: difference < 0 ? String(difference) : `+${difference}`,
    changeType: difference < 0 ? 'decrease' : 'increase',
  };
}

const amountKpi = (label: string, paise: Paise) => ({
  label,
  value: formatRupees(paise),
  amount: rupeesFromPaise(paise),
});
const countKpi = (label: string, count: number) => ({ label, value: groupIndian(count), count });

function kpisOf(figures: DashboardFigures, place: string): Kpi[] {
  const { current, previous, comparedWith } = figures;
  const reported =
    figures.standsIn.length === 0 ? '' : ` (${figures.reported} of ${figures.standing} regions reported)`;
  const percent = (key: keyof MonthFigures) =>
    comparedWith === null ? {} : percentChange(previous[key], current[key]);
  const count = (key: keyof MonthFigures) =>
    comparedWith === null ? {} : countChange(previous[key], current[key]);
  const change = percent('total');
  const first = 'change' in change ? 'vs. last month' : `for ${wireMonth(figures.month)}`;
  return [
    { ...amountKpi('Total Outstanding', current.total), ...change, description: `${first}${reported}` },
    {
      ...amountKpi('Recovered Amount', current.recovered),
      ...percent('recovered'),
      description: `cleared this month${reported}`,
    },
    {
      ...amountKpi('New Outstanding', current.new),
      ...percent('new'),
      description: `this month${reported}`,
    },
    {
      ...countKpi('Total Invoices', current.invoices),
      ...count('invoices'),
      description: 'from last month',
    },
    {
      ...countKpi('Disputed Invoices', current.disputed),
      ...count('disputed'),
      description: 'currently active',
    },
    { ...countKpi('Total Customers', current.customers), description: `in ${place}` },
  ];
}

function ageRowView({
  region,
  buckets,
  total,
}: AgeRow): Static<typeof Dashboard>['outstandingByAge'][number] {
  const amounts = Object.fromEntries(
    ageBuckets.map((bucket) => [bucket, rupeesFromPaise(buckets[bucket])]),
  ) as Record<(typeof ageBuckets)[number], number>;
  return { region, ...amounts, total: rupeesFromPaise(total) };
}

export function recoveryView(rows: readonly TrendRow[]): Static<typeof RecoveryTrend> {
  return rows.map(({ month, new: fresh, recovered }) => ({
    month: wireMonth(month),
    new: rupeesFromPaise(fresh),
    recovered: rupeesFromPaise(recovered),
  }));
}

/** The screen takes the name as its key, so two engineers of one name get their regions beside it. */
export function engineersView(rows: readonly EngineerRow[]): Static<typeof EngineerPerformance> {
  const times = new Map<string, number>();
  for (const { name } of rows) times.set(name, (times.get(name) ?? 0) + 1);
  return rows.map(({ engineerId, name, region, collected, assigned }) => ({
    engineerId,
    name: times.get(name) === 1 ? name : `${name} (${region}, ${engineerId.slice(-4)})`,
    region,
    outstandingCollected: rupeesFromPaise(collected),
    newOutstandingAssigned: rupeesFromPaise(assigned),
    netChange: rupeesFromPaise(collected - assigned),
  }));
}

/** @param place `All Regions` or a region's code, for the last card */
export function dashboardView(figures: DashboardFigures, place: string): Static<typeof Dashboard> {
  const ages = figures.ages.map(ageRowView);
  return {
    month: wireMonth(figures.month),
    financialYear: wireYear(financialYearOf(figures.month)),
    kpis: kpisOf(figures, place),
    comparedWith: figures.comparedWith === null ? null : wireMonth(figures.comparedWith),
    standsIn: figures.standsIn.map((each) => ({ ...each, month: wireMonth(each.month) })),
    outstandingByAge: ages,
    regionDistribution: ages.map(({ region, total }) => ({ region, amount: total })),
    monthlyTrends: figures.trend.map(({ month, regions }) => ({
      month: wireMonth(month),
      ...Object.fromEntries(
        Object.entries(regions).map(([region, paise]) => [region, rupeesFromPaise(paise)]),
      ),
    })),
    outstandingRecoveryTrend: recoveryView(figures.recovery),
    engineerPerformance: engineersView(figures.engineers),
  };
}

export function trackerView(rows: readonly TrackerRow[]): Static<typeof Tracker> {
  return rows.map(({ month, reported, current, previous }) => ({
    monthYear: wireMonth(month),
    previousMonthInvoices: previous.invoices,
    previousMonthAmount: rupeesFromPaise(previous.total),
    currentMonthInvoices: current.invoices,
    currentMonthAmount: rupeesFromPaise(current.total),
    invoiceCountChange: current.invoices - previous.invoices,
    disputedInvoices: current.disputed,
    reported,
  }));
}

export function customersView(
  views: readonly CustomerView[],
  engineers: ReadonlyMap<string, EngineerName>,
): Static<typeof Customers> {
  return views.map((view) => ({
    id: view.id,
    customerCode: view.code,
    customerName: view.name,
    region: view.region,
    ...(view.department === null ? {} : { department: view.department }),
    ...(view.agePeriod === null ? {} : { agePeriod: view.agePeriod }),
    outstandingAmount: rupeesFromPaise(view.outstanding),
    invoices: view.invoices.map((invoice) => ({
      id: `${view.id}:${invoice.number}`,
      customerId: view.id,
      invoiceNumber: invoice.number,
      invoiceAmount: rupeesFromPaise(invoice.invoiceAmount),
      outstandingAmount: rupeesFromPaise(invoice.outstanding),
      invoiceDate: invoice.date === null ? '' : `${isoDate(invoice.date)}T00:00:00.000Z`,
      status: invoice.status,
    })),
    remarks: view.remark,
    notes: view.notes,
    assignedEngineer: view.engineerId === null ? '' : (engineers.get(view.engineerId)?.name ?? ''),
    assignedEngineerId: view.engineerId,
  }));
}

export function historyView(rows: readonly CustomerHistoryRow[]): Static<typeof History> {
  return rows.map((row) => ({
    month: wireMonth(row.month),
    outstandingAmount: rupeesFromPaise(row.outstanding),
    new: rupeesFromPaise(row.new),
    recovered: rupeesFromPaise(row.recovered),
    invoices: row.invoices,
    disputedInvoices: row.disputed,
  }));
}
