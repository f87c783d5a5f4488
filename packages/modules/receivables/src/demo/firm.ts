import { addMonths, type DayNumber, dayFromCivil, lastDayOf, type Month, type Paise } from '@backoffice/core';
import { createRandom, type Random } from '@backoffice/platform';
import { type Department, departments, type Region, regionCodes } from '../model.ts';
import { companyName } from './names.ts';
import { regionFacts } from './regions.ts';

/** How soon a customer pays. */
type Morale = 'prompt' | 'slow' | 'bad';

export interface DemoCustomer {
  code: string;
  name: string;
  region: Region;
  /** The month of the first invoice at the earliest. */
  since: Month;
  morale: Morale;
  invoicesAMonth: number;
  /** Share of the invoices that are of the first department. */
  share: number;
}

/** An invoice with its whole fate: what is open on a day only looks at what happened up to that day. */
export interface DemoInvoice {
  customer: DemoCustomer;
  department: Department;
  number: string;
  amount: Paise;
  issued: DayNumber;
  /** In order of time; they add up to the amount. */
  payments: { day: DayNumber; amount: Paise }[];
  dispute: { from: DayNumber; to: DayNumber } | null;
}

/** Money that came before an invoice, or that nobody could match with one. */
export interface DemoAdvance {
  customer: DemoCustomer;
  department: Department;
  amount: Paise;
  paid: DayNumber;
  used: DayNumber;
}

export interface DemoFirm {
  customers: DemoCustomer[];
  invoices: DemoInvoice[];
  advances: DemoAdvance[];
}

// Long enough before the first statement for the oldest open invoices to have a past.
const monthsBefore = 40;
const newcomersOver = 20;
// An advance comes up to 45 days before its invoice, so the invoices of the next months are needed too.
const monthsAhead = 2;

/**
 * The firm of the demo data: what it invoiced and what it was paid from some years before `from` to the end
 * of `until`. The same arguments give the same story, and a longer story begins like a shorter one.
 */
export function createFirm({ from, until }: { from: Month; until: Month }): DemoFirm {
  const customers = regionCodes.flatMap((region) => customersOf(region, from));
  const invoices: DemoInvoice[] = [];
  const advances: DemoAdvance[] = [];
  const issuedSoFar = new Map<string, number>();
  const last = addMonths(until, monthsAhead);
  for (let month = addMonths(from, -monthsBefore); month <= last; month = addMonths(month, 1)) {
    const ofMonth: DemoInvoice[] = [];
    for (const customer of customers) {
      if (customer.since > month) continue;
      const random = createRandom(`${customer.code} ${month}`);
      const count = random.count(customer.invoicesAMonth * seasonOf(month));
      for (let i = 0; i < count; i += 1) ofMonth.push(createInvoice(random, customer, month, advances));
    }
    ofMonth.sort((a, b) => a.issued - b.issued);
    for (const invoice of ofMonth) invoice.number = nextNumber(invoice, month, issuedSoFar);
    invoices.push(...ofMonth);
  }
  return { customers, invoices, advances };
}

function customersOf(region: Region, from: Month): DemoCustomer[] {
  const random = createRandom(`customers of ${region}`);
  const { letters, customers } = regionFacts[region];
  const settled = Math.round(customers * 0.88);
  let account = 10_000;
  return Array.from({ length: customers }, (_, index) => {
    account += random.whole(2, 37);
    const monthsAfter = Math.floor(((index - settled) * newcomersOver) / (customers - settled));
    return {
      code: `${letters}${account}`,
      name: companyName(random, region),
      region,
      since: addMonths(from, index < settled ? -monthsBefore : monthsAfter),
      morale: (['prompt', 'slow', 'bad'] as const)[random.weighted([56, 33, 11])]!,
      // Most buy now and then, some every week.
      invoicesAMonth: Math.min(9, 1.65 * Math.exp(0.7 * random.normal())),
      share: random.pick([1, 1, 0.85, 0.5, 0.15, 0, 0]),
    };
  });
}

/** Building sites rest in the monsoon, and everybody invoices before the year ends. */
function seasonOf(month: Month): number {
  const calendarMonth = Number(month.slice(5));
  if (calendarMonth >= 7 && calendarMonth <= 9) return 0.92;
  return calendarMonth === 3 ? 1.12 : 1;
}

/** One more invoice, and the advance that was paid for it, if any. Its number comes when the month is complete. */
function createInvoice(
  random: Random,
  customer: DemoCustomer,
  month: Month,
  advances: DemoAdvance[],
): DemoInvoice {
  const department = departments[random.chance(customer.share) ? 0 : 1];
  const issued = workingDay(random, month);
  const amount = createAmount(random, department);
  let settled = issued + daysToPay(random, customer.morale);
  const dispute = random.chance(0.022) ? createDispute(random, issued) : null;
  if (dispute) settled = Math.max(settled, dispute.to + random.whole(3, 25));

  const invoice: DemoInvoice = { customer, department, number: '', amount, issued, payments: [], dispute };
  const advance = random.chance(0.035) ? wholeThousands(amount * (0.2 + 0.4 * random.next())) : 0;
  const part = random.chance(0.18) ? wholeThousands(amount * (0.3 + 0.4 * random.next())) : 0;
  if (advance > 0) {
    const used = issued + random.whole(2, 20);
    advances.push({ customer, department, amount: advance, paid: issued - random.whole(8, 45), used });
    settled = Math.max(settled, used + 1);
    invoice.payments.push({ day: used, amount: advance });
  } else if (part > 0) {
    const day = issued + Math.floor((settled - issued) * (0.4 + 0.4 * random.next()));
    invoice.payments.push({ day, amount: part });
  }
  const paidBefore = advance || part;
  invoice.payments.push({ day: settled, amount: amount - paidBefore });

  if (random.chance(0.002)) {
    // A payment that nobody could match: it stays on account until somebody asks.
    const odd = random.whole(150_000, 2_500_000);
    advances.push({ customer, department, amount: odd, paid: issued, used: issued + random.whole(120, 700) });
  }
  return invoice;
}

function workingDay(random: Random, month: Month): DayNumber {
  const first = dayFromCivil(Number(month.slice(0, 4)), Number(month.slice(5)), 1)!;
  const day = random.whole(first, lastDayOf(month));
  // Day 0 was a Thursday, so 3 is the first Sunday; nothing is invoiced on one.
  if (day % 7 !== 3) return day;
  return day === first ? day + 1 : day - 1;
}

/** A taxable amount between two thousand and ten lakh rupees, with 18 % tax. */
function createAmount(random: Random, department: Department): Paise {
  const usual = department === 'Batching Plant' ? 58_000_00 : 36_000_00;
  const taxable = usual * Math.exp(0.95 * random.normal());
  return Math.round(Math.min(10_00_000_00, Math.max(2_000_00, taxable)) * 1.18);
}

function wholeThousands(paise: number): Paise {
  return Math.floor(paise / 1_000_00) * 1_000_00;
}

function daysToPay(random: Random, morale: Morale): number {
  if (random.chance(0.007)) return random.whole(390, 900);
  if (morale === 'prompt') return Math.max(4, Math.round(31 + 11 * random.normal()));
  if (morale === 'slow') return Math.max(20, Math.round(76 + 24 * random.normal()));
  return 60 + Math.round(-120 * Math.log(1 - random.next()));
}

function createDispute(random: Random, issued: DayNumber): { from: DayNumber; to: DayNumber } {
  const from = issued + random.whole(12, 75);
  return { from, to: from + random.whole(30, 150) };
}

/** Sixteen characters at most and no gap within a financial year, as the tax office wants it: `BP2526-MU-00123`. */
function nextNumber(invoice: DemoInvoice, month: Month, issuedSoFar: Map<string, number>): string {
  const year = Number(month.slice(2, 4)) - (Number(month.slice(5)) < 4 ? 1 : 0);
  const { letters } = regionFacts[invoice.customer.region];
  const department = invoice.department === 'Batching Plant' ? 'BP' : 'PU';
  const series = `${department}${year}${year + 1}-${letters}`;
  const count = (issuedSoFar.get(series) ?? 0) + 1;
  issuedSoFar.set(series, count);
  return `${series}-${String(count).padStart(5, '0')}`;
}
