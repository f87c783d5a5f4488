import { sendStreamed, sendWorkbook, Workbook } from '@backoffice/platform';
import { csvType, sheetParts, writeCsv } from '@backoffice/spreadsheet';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { readFilter } from '../asking.ts';
import { recordsSheet } from '../imports/template.ts';
import { DbListQuery } from '../schemas.ts';
import type { RouteContext } from './context.ts';

const ExportQuery = Type.Object({
  db_id: Type.Optional(
    Type.String({ maxLength: 100, description: 'Left out or empty: every db within reach' }),
  ),
  search: DbListQuery.properties.search,
  filter: DbListQuery.properties.filter,
  format: Type.Optional(Type.Union([Type.Literal('xlsx'), Type.Literal('csv')])),
});
const Csv = { 'text/csv': { schema: Type.String() } };

/** `GET /export`: the records of a list as a sheet that can be imported again. */
export function exportRoutes({ repository, scopeOf }: RouteContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/export',
      {
        config: { permission: 'records:read' },
        schema: {
          tags: ['personnel'],
          summary:
            'Records as a workbook or as comma-separated text, of any length; a workbook can be imported again',
          querystring: ExportQuery,
          response: { 200: { ...Workbook, content: { ...Workbook.content, ...Csv } } },
        },
      },
      async (request, reply) => {
        const { db_id, search = '', filter, format = 'xlsx' } = request.query;
        const query = { search, status: readFilter(filter) };
        const db = db_id?.trim() || undefined;
        const sheet = recordsSheet(repository.records.stream(await scopeOf(request), db, query));
        reply.header('cache-control', 'no-store');
        const sent = reply as FastifyReply;
        if (format === 'xlsx') return sendWorkbook(sent, 'personnel.xlsx', sheetParts(sheet)) as never;
        return sendStreamed(sent, 'personnel.csv', csvType, (target) => writeCsv(target, sheet)) as never;
      },
    );
  };
}
