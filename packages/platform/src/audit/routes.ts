import { csvType, sheetParts, writeCsv } from '@backoffice/spreadsheet';
import { type FastifyPluginAsyncTypebox, type Static, Type } from '@fastify/type-provider-typebox';
import type { Platform } from '../data.ts';
import type { SystemName } from '../http/module.ts';
import { momentsOf } from '../http/query-days.ts';
import { sendStreamed, sendWorkbook, Workbook } from '../http/send-sheets.ts';
import type { ChainEntry } from './chain.ts';
import { auditSheet } from './export.ts';
import type { AuditQuery } from './search.ts';

const text = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 200, description }));
const day = (description: string) =>
  Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description }));

const SearchFields = {
  actor: text('The id of a user, or a part of the name'),
  action: text('For example customer.remark'),
  objectType: text('For example customer'),
  objectId: text('The id of the object'),
  from: day('The first day, as 2026-04-01, in the business time zone'),
  to: day('The last day, which is included'),
};
const SearchQuery = Type.Object(
  {
    ...SearchFields,
    before: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'The `next` of the page before',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  },
  { additionalProperties: false },
);
const ExportQuery = Type.Object(
  { ...SearchFields, format: Type.Optional(Type.Union([Type.Literal('xlsx'), Type.Literal('csv')])) },
  { additionalProperties: false },
);

const Facts = Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]);
const Entry = Type.Object({
  seq: Type.Integer(),
  id: Type.String(),
  at: Type.String({ format: 'date-time' }),
  actor: Type.Object({ userId: Type.String(), name: Type.String() }),
  action: Type.String(),
  object: Type.Object({ type: Type.String(), id: Type.String() }),
  before: Facts,
  after: Facts,
  requestId: Type.String(),
  hash: Type.String(),
});
const Found = Type.Object({
  entries: Type.Array(Entry),
  next: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Asked for as `before` it gives the next page',
  }),
  waiting: Type.Integer({ description: 'Entries that are on their way into the chain and not searched yet' }),
});
const Head = Type.Object({
  seq: Type.Integer(),
  hash: Type.String(),
  at: Type.String({ format: 'date-time' }),
  seal: Type.String(),
});

const reading = { permission: 'audit:read' };
const tags = ['audit'];
const Csv = { [csvType]: { schema: Type.String() } };

/** What administrators see of the audit: of their own system only. The head is that of the one chain of all. */
export function auditRoutes(platform: Platform, system: SystemName): FastifyPluginAsyncTypebox {
  const { config } = platform;

  return async (app) => {
    app.get(
      '/admin/audit',
      {
        config: reading,
        schema: {
          tags,
          summary: 'Who changed what, newest first',
          querystring: SearchQuery,
          response: { 200: Found },
        },
      },
      async (request) => {
        const { limit = 50, ...asked } = request.query;
        // Counted first: what is moved in between is counted and found, rather than neither.
        const waiting = await platform.audit.waiting(system);
        const found = await platform.audit.search(system, queryOf(asked, config.TIME_ZONE), limit + 1);
        const entries = found.slice(0, limit).map(entryView);
        return { entries, next: found.length > limit ? entries.at(-1)!.seq : null, waiting };
      },
    );

    app.get(
      '/admin/audit/export',
      {
        config: reading,
        schema: {
          tags,
          summary: 'The same as a workbook or as comma-separated text, of any length',
          querystring: ExportQuery,
          response: { 200: { ...Workbook, content: { ...Workbook.content, ...Csv } } },
        },
      },
      async (request, reply) => {
        const { format = 'xlsx', ...asked } = request.query;
        const entries = await platform.audit.stream(system, queryOf(asked, config.TIME_ZONE));
        const sheet = auditSheet(entries, config.TIME_ZONE);
        reply.header('cache-control', 'no-store');
        if (format === 'xlsx') {
          return sendWorkbook(reply, 'audit.xlsx', sheetParts(sheet));
        }
        return sendStreamed(reply, 'audit.csv', csvType, (target) => writeCsv(target, sheet));
      },
    );

    app.get(
      '/admin/audit/head',
      {
        config: reading,
        schema: {
          tags,
          summary: 'Where the chain ends, signed; to be kept elsewhere for a later check',
          response: { 200: Head },
        },
      },
      async (_request, reply) => {
        reply.header('cache-control', 'no-store');
        const { seq, hash, at, seal } = await platform.audit.head();
        return { seq, hash, at: at.toISOString(), seal };
      },
    );
  };
}

function entryView(entry: ChainEntry): Static<typeof Entry> {
  const { _id, entryId, at, actor, action, object, before, after, requestId, hash } = entry;
  return {
    seq: _id,
    id: entryId,
    at: at.toISOString(),
    actor,
    action,
    object,
    before,
    after,
    requestId,
    hash,
  };
}

/** INVALID_REQUEST for a day that there is not. */
function queryOf(
  { from, to, ...rest }: Omit<AuditQuery, 'from' | 'to'> & { from?: string; to?: string },
  zone: string,
): AuditQuery {
  const days = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  return { ...rest, ...momentsOf(days, zone) };
}
