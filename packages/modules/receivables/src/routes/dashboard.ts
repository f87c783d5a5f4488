import { type FinancialYear, financialYearOf, rupeesFromPaise, wireMonth } from '@backoffice/core';
import { readAhead } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { readFilter, readPeriod, readYear } from '../asking.ts';
import { explainFigure } from '../explain.ts';
import {
  dashboardFigures,
  defaultMonth,
  engineerRows,
  type Now,
  readState,
  recoveryTrend,
  regionsIn,
  trackerRows,
} from '../figures.ts';
import type { ExplainLine, Figure, Filter, Scope } from '../model.ts';
import { dashboardView, engineersView, recoveryView, trackerView } from '../presentation.ts';
import { slotOf } from '../rollups/ledger.ts';
import {
  Dashboard,
  DashboardQuery,
  EngineerPerformance,
  Explained,
  ExplainQuery,
  RecoveryTrend,
  Tracker,
  YearQuery,
} from '../schemas.ts';
import type { RouteContext } from './context.ts';
import { type Basis, createKeptAnswers, type KeptAnswer } from './kept-answers.ts';

const config = { permission: 'dashboard:read' };
const tags = ['dashboard'];

function placeOf(filter: Filter, scope: Scope): string {
  const regions = regionsIn(filter, scope);
  return regions.length === 1 ? regions[0]! : 'All Regions';
}

function lineView(line: ExplainLine, counted: boolean) {
  const amount = (paise: number | null) => (paise === null ? null : rupeesFromPaise(paise));
  return {
    kind: line.kind,
    region: line.region,
    customerCode: line.customerCode,
    customerName: line.customerName,
    invoiceNumber: line.invoiceNumber,
    amount: counted ? line.amount : rupeesFromPaise(line.amount),
    from: amount(line.from),
    to: amount(line.to),
  };
}

/** What a dashboard is asked for. */
interface Asked {
  filter: Filter;
  scope: Scope;
  period: ReturnType<typeof readPeriod>;
  now: Now;
}

const counts: readonly string[] = ['invoices', 'disputed', 'customers'];

/** The dashboard and what belongs to it: trends, engineers, the lines behind each figure, the tracker. */
export function dashboardRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { repository, listEngineers } = context;
  const answers = createKeptAnswers();
  const readBasis = () => Promise.all([repository.findLedger(), listEngineers()]);

  async function yearly(
    request: FastifyRequest,
    query: { financialYear?: string; region?: string; department?: string },
  ) {
    const state = await readState(repository);
    const now = context.now();
    const year: FinancialYear = readYear(query.financialYear) ?? financialYearOf(now.running);
    const filter = readFilter(query);
    const regions = regionsIn(filter, context.readScope(request));
    return { state, now, year, regions, slot: slotOf(filter.department) };
  }

  /** A dashboard as it goes out, kept as long as nothing changes from which it was made. */
  async function makeDashboard(asked: Asked, question: string, basis: Basis): Promise<KeptAnswer> {
    const { filter, scope, period, now } = asked;
    const figures = await dashboardFigures(repository, filter, scope, period, now, basis.engineers);
    const made = dashboardView(figures, placeOf(filter, scope));
    // It may be of a later state than the one that was found; then it is given, but not kept under the former.
    const same = (await repository.findLedger()) === basis.ledger;
    return answers.keep(same ? question : '', basis, made);
  }

  return async (app) => {
    app.get(
      '/dashboard',
      {
        config: { ...config, ahead: readBasis },
        schema: {
          tags,
          summary: 'All figures of a month, from one state',
          querystring: DashboardQuery,
          response: { 200: Dashboard },
        },
      },
      async (request, reply) => {
        const asked: Asked = {
          filter: readFilter(request.query),
          scope: context.readScope(request),
          period: readPeriod(request.query),
          now: context.now(),
        };
        const question = JSON.stringify(asked);
        const [ledger, engineers] = await readAhead(request, readBasis);
        const basis = { ledger, engineers };
        const { body, tag } = answers.find(question, basis) ?? (await makeDashboard(asked, question, basis));
        reply.header('etag', tag).type('application/json; charset=utf-8');
        return body as never;
      },
    );

    app.get(
      '/dashboard/recovery-trend',
      {
        config,
        schema: {
          tags,
          summary: 'Recovered and new amounts by month of a financial year',
          querystring: YearQuery,
          response: { 200: RecoveryTrend },
        },
      },
      async (request) => {
        const { state, now, year, regions, slot } = await yearly(request, request.query);
        return recoveryView(recoveryTrend(state, regions, slot, year, now));
      },
    );

    app.get(
      '/dashboard/engineer-performance',
      {
        config,
        schema: {
          tags,
          summary: 'What the customers of each engineer paid and came to owe in a financial year',
          querystring: YearQuery,
          response: { 200: EngineerPerformance },
        },
      },
      async (request) => {
        const { state, year, regions, slot } = await yearly(request, request.query);
        return engineersView(engineerRows(state, regions, slot, year, await listEngineers()));
      },
    );

    app.get(
      '/dashboard/explain',
      {
        config,
        schema: {
          tags,
          summary: 'The lines behind a figure; those of all pages sum to it exactly',
          querystring: ExplainQuery,
          response: { 200: Explained },
        },
      },
      async (request, reply) => {
        const { page = 1, limit = 100, figure } = request.query;
        const filter = readFilter(request.query);
        const scope = context.readScope(request);
        const period = readPeriod(request.query);
        const now = context.now();
        const { month, explained } = await context.fromOneState(async (state) => {
          const at = period.month ?? defaultMonth(state, now, period.year);
          const part = { offset: (page - 1) * limit, limit };
          const found = await explainFigure(
            ...([repository, state, figure as Figure, filter, scope, at, now, part] as const),
          );
          return typeof found === 'symbol' ? found : { month: at, explained: found };
        });
        const counted = counts.includes(figure);
        reply.header('x-total-count', explained.count);
        return {
          figure,
          month: wireMonth(month),
          value: counted ? explained.figure : rupeesFromPaise(explained.figure),
          count: explained.count,
          page,
          limit,
          lines: explained.lines.map((line) => lineView(line, counted)),
        };
      },
    );

    app.get(
      '/invoice-tracker',
      {
        config,
        schema: {
          tags,
          summary: 'A row per month of a financial year, newest first',
          querystring: YearQuery,
          response: { 200: Tracker },
        },
      },
      async (request) => {
        const now = context.now();
        const year = readYear(request.query.financialYear) ?? financialYearOf(now.running);
        const filter = readFilter(request.query);
        const state = await readState(repository);
        return trackerView(trackerRows(state, filter, context.readScope(request), year, now));
      },
    );
  };
}
