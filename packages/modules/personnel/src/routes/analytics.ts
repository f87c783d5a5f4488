import { addMonths, dayFromCivil, startOfDay } from '@backoffice/core';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { headcount, movements } from '../analytics.ts';
import { answer } from '../answers.ts';
import { assertOrder, readDay, readId } from '../asking.ts';
import { type Scope, statuses } from '../model.ts';
import { deletedFigure, liveFigure, type MonthlyFigure, monthly, newFigure } from '../rollups/figures.ts';
import type { Series } from '../rollups/parts.ts';
import {
  DashboardAnswer,
  DbFiguresAnswer,
  DbListParams,
  HeadcountAnswer,
  HeadcountQuery,
  MovementsAnswer,
  MovementsQuery,
} from '../schemas.ts';
import type { RouteContext } from './context.ts';

const config = { permission: 'analytics:read' };
const tags = ['analytics'];

const assertId = (given: string) => readId(given, 'Invalid DB ID', 'db_id').toHexString();

/** `/analytics`: the figures. A db out of scope has those of one that is not there: zeros. */
export function analyticsRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { repository, identity, zone } = context;
  const { records, series, dbs } = repository;

  const thisMonth = () => context.today().slice(0, 7);

  /** The moment at which a calendar month begins in the business time zone. */
  function beginningOf(month: string): Date {
    const [year, number] = month.split('-').map(Number) as [number, number];
    return startOfDay(dayFromCivil(year, number, 1)!, zone);
  }

  /** The figures of each db within the scope, as they stand now. */
  async function readAll(scope: Scope): Promise<Series[]> {
    // What was planned for today counts from today on.
    await records.settle();
    const found: Series[] = [];
    const waiting = scope.dbs.values();
    async function readNext(): Promise<void> {
      for (const each of waiting) found.push(await series.read(each));
    }
    await Promise.all(Array.from({ length: 8 }, readNext));
    return found;
  }

  /** Everybody who signs in here, administrators too, for every caller (decision 11). */
  async function usersFigure(month: string): Promise<MonthlyFigure> {
    const from = beginningOf(month);
    const [total, current, previous] = await Promise.all([
      identity.users.countMembers('personnel'),
      identity.users.countMembers('personnel', { from }),
      identity.users.countMembers('personnel', { from: beginningOf(addMonths(month, -1)), before: from }),
    ]);
    return monthly(total, current, previous);
  }

  async function dbsFigure(scope: Scope, month: string): Promise<MonthlyFigure> {
    const months = (await dbs.list(scope)).map((db) => repository.dayOf(db.created_at).slice(0, 7));
    const inMonth = (wanted: string) => months.filter((each) => each === wanted).length;
    return monthly(months.length, inMonth(month), inMonth(addMonths(month, -1)));
  }

  async function dashboard(scope: Scope) {
    const month = thisMonth();
    const [users, databases, all] = await Promise.all([
      usersFigure(month),
      dbsFigure(scope, month),
      readAll(scope),
    ]);
    return {
      users,
      personnel: liveFigure(all, month),
      deleted_personnel: deletedFigure(all, month),
      new_personnel: newFigure(all, month),
      databases,
    };
  }

  async function figuresOf(scope: Scope, id: string) {
    const month = thisMonth();
    const reachable = scope.dbs.get(id);
    const all = await readAll({ dbs: new Map(reachable === undefined ? [] : [[id, reachable]]) });
    const byStatus = statuses.map((status) => [`total_${status}_personnel`, liveFigure(all, month, status)]);
    return {
      total_personnel: liveFigure(all, month),
      ...Object.fromEntries(byStatus),
      total_deleted_personnel: deletedFigure(all, month),
    };
  }

  /** Which dbs are asked for: the one that is named, or undefined for all within the scope. INVALID_REQUEST. */
  function readDbId(given = ''): string | undefined {
    return given.trim() === '' ? undefined : assertId(given.trim());
  }

  return async (app) => {
    app.get(
      '/analytics/dashboard',
      {
        config,
        schema: { tags, summary: 'The figures of the month', response: { 200: DashboardAnswer } },
      },
      async (request) =>
        answer('Dashboard analytics fetched successfully', await dashboard(await context.scopeOf(request))),
    );

    app.get(
      '/analytics/personnels/db/:db_id',
      {
        config,
        schema: {
          tags,
          summary: 'The figures of the month of one db',
          params: DbListParams,
          response: { 200: DbFiguresAnswer },
        },
      },
      async (request) => {
        const id = assertId(request.params.db_id);
        const figures = await figuresOf(await context.scopeOf(request), id);
        return answer('Personnel analytics fetched successfully', figures);
      },
    );

    app.get(
      '/analytics/headcount',
      {
        config,
        schema: {
          tags,
          summary: 'How many there are of each status at the end of a day',
          querystring: HeadcountQuery,
          response: { 200: HeadcountAnswer },
        },
      },
      async (request) => {
        const { db_id, as_of, ids } = request.query;
        const asOf = as_of === undefined ? context.today() : readDay('as_of', as_of);
        const wanted = { asOf, ids: ids !== 'none', db: readDbId(db_id) };
        const found = await headcount(repository, await context.scopeOf(request), wanted);
        return answer('Headcount fetched successfully', { as_of: asOf, ...found });
      },
    );

    app.get(
      '/analytics/movements',
      {
        config,
        schema: {
          tags,
          summary: 'Who came and went in a period: start + in − out = end',
          querystring: MovementsQuery,
          response: { 200: MovementsAnswer },
        },
      },
      async (request) => {
        const { db_id, ids, ...days } = request.query;
        const from = readDay('from', days.from ?? `${thisMonth()}-01`);
        const to = readDay('to', days.to ?? context.today());
        assertOrder(from, to);
        const wanted = { from, to, ids: ids !== 'none', db: readDbId(db_id) };
        const found = await movements(repository, await context.scopeOf(request), wanted);
        return answer('Movements fetched successfully', { from, to, ...found });
      },
    );
  };
}
