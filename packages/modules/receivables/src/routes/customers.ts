import { CodedError, financialYearOf } from '@backoffice/core';
import { auditEntry, expectedVersion, type Member, requireMember, sendVersion } from '@backoffice/platform';
import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readFilter, readYear } from '../asking.ts';
import { customerHistory, customerViews } from '../customers.ts';
import {
  assignEngineer,
  type Deed,
  type Done,
  enterFact,
  findKnownCustomer,
  type KnownCustomer,
  markInvoice,
} from '../follow-up.ts';
import { findEngineer } from '../people.ts';
import { customersView, historyView } from '../presentation.ts';
import {
  Customer,
  CustomerParams,
  CustomerQuery,
  Customers,
  CustomersQuery,
  EngineerBody,
  History,
  InvoiceParams,
  NotesBody,
  RemarkBody,
  StatusBody,
  Success,
} from '../schemas.ts';
import type { RouteContext } from './context.ts';

const reading = { permission: 'customers:read' };
const writing = { permission: 'follow-up:write' };
const tags = ['customers'];
/** Documents that a change may name the version that it is based on. */
const headers = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'The ETag of the customer; 412 when somebody has changed it since' }),
  ),
});

/** Every change answers the same, with the version that it made. */
function success(reply: FastifyReply, { version }: Done) {
  if (version !== null) sendVersion(reply, version);
  return { success: true } as const;
}

/** An engineer changes only customers that are assigned to that user (decision 27). FORBIDDEN. */
function refuseOthers(member: Member, customer: KnownCustomer): void {
  if (member.role === 'Engineer' && customer.engineerId !== member.userId) {
    throw new CodedError('FORBIDDEN', 'The customer is not assigned to you.');
  }
}

/** `Link` and `X-Total-Count`, only where paging was asked for. */
function sendPaging(
  request: FastifyRequest,
  reply: FastifyReply,
  page: number,
  limit: number,
  total: number,
) {
  const pages = Math.max(1, Math.ceil(total / limit));
  const { pathname, searchParams } = new URL(request.url, 'http://local');
  const link = (to: number, rel: string) => {
    searchParams.set('page', String(to));
    searchParams.set('limit', String(limit));
    return `<${pathname}?${searchParams}>; rel="${rel}"`;
  };
  const links = [link(1, 'first'), link(pages, 'last')];
  if (page > 1) links.push(link(page - 1, 'prev'));
  if (page < pages) links.push(link(page + 1, 'next'));
  reply.header('x-total-count', total).header('link', links.join(', '));
}

/** The data sheet: customers with their invoices, and what people enter about them. */
export function customerRoutes(context: RouteContext): FastifyPluginAsyncTypebox {
  const { repository, users, listEngineers } = context;

  /** The customer that a path means, if this caller may change it. NOT_FOUND, FORBIDDEN. */
  async function customerToChange(request: FastifyRequest, reference: string) {
    const member = requireMember(request);
    const customer = await findKnownCustomer(context, context.writeScope(request), reference);
    refuseOthers(member, customer);
    return { member, customer, code: customer.stored.code };
  }

  /** What the caller does, for the audit, and the version that it is based on. STALE for one that can't be. */
  function deedOf(request: FastifyRequest): Deed {
    const { userId, name } = requireMember(request);
    return {
      by: userId,
      expected: expectedVersion(request),
      entry: (action, code, before, after) =>
        auditEntry({
          system: 'receivables',
          actor: { userId, name },
          action,
          object: { type: 'customer', id: code },
          before,
          after,
          requestId: request.id,
          at: context.clock(),
        }),
    };
  }

  return async (app) => {
    app.get(
      '/customers',
      {
        config: reading,
        schema: {
          tags,
          summary:
            'Customers as they stand at the end of a financial year, or now; all, unless a page is asked for',
          querystring: CustomersQuery,
          response: { 200: Customers },
        },
      },
      async (request, reply) => {
        const { page, limit } = request.query;
        const filter = readFilter(request.query);
        const scope = context.readScope(request);
        const now = context.now();
        const year = readYear(request.query.financialYear) ?? financialYearOf(now.running);
        const views = await context.fromOneState((state) =>
          customerViews(repository, state, filter, scope, year, now),
        );
        const engineers = new Map((await listEngineers()).map((each) => [each.id, each]));
        if (page === undefined && limit === undefined) return customersView(views, engineers);
        const [at, size] = [page ?? 1, limit ?? 100];
        sendPaging(request, reply, at, size, views.length);
        return customersView(views.slice((at - 1) * size, at * size), engineers);
      },
    );

    app.get(
      '/customers/:id',
      {
        config: reading,
        schema: {
          tags,
          summary: 'A customer as in the list, with an ETag for If-Match',
          params: CustomerParams,
          querystring: CustomerQuery,
          response: { 200: Customer },
        },
      },
      async (request, reply) => {
        const scope = context.readScope(request);
        const now = context.now();
        const year = readYear(request.query.financialYear) ?? financialYearOf(now.running);
        const { stored, version } = await findKnownCustomer(context, scope, request.params.id);
        const filter = { region: null, department: null };
        const found = await context.fromOneState((state) =>
          customerViews(repository, state, filter, scope, year, now, stored.code),
        );
        if (found.length === 0) throw new CodedError('NOT_FOUND');
        // The tag is that of what people entered; amounts change under it, so it must not spare an answer.
        reply.header('cache-control', 'no-store');
        sendVersion(reply, version);
        const engineers = new Map((await listEngineers()).map((each) => [each.id, each]));
        return customersView(found, engineers)[0]!;
      },
    );

    app.get(
      '/customers/:id/history',
      {
        config: reading,
        schema: {
          tags,
          summary: 'A customer month by month, oldest first',
          params: CustomerParams,
          response: { 200: History },
        },
      },
      async (request) => {
        const scope = context.readScope(request);
        const { stored } = await findKnownCustomer(context, scope, request.params.id);
        return historyView(
          await context.fromOneState((state) =>
            customerHistory(repository, state, scope, stored.code, context.now()),
          ),
        );
      },
    );

    app.put(
      '/customers/:id/remark',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Set the remark of a customer',
          params: CustomerParams,
          headers,
          body: RemarkBody,
          response: { 200: Success },
        },
      },
      async (request, reply) => {
        const { code } = await customerToChange(request, request.params.id);
        return success(
          reply,
          await enterFact(context, code, 'remark', request.body.newRemark, deedOf(request)),
        );
      },
    );

    app.put(
      '/customers/:id/notes',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Set the notes of a customer',
          params: CustomerParams,
          headers,
          body: NotesBody,
          response: { 200: Success },
        },
      },
      async (request, reply) => {
        const { code } = await customerToChange(request, request.params.id);
        return success(
          reply,
          await enterFact(context, code, 'notes', request.body.newNotes, deedOf(request)),
        );
      },
    );

    app.put(
      '/customers/:id/assign-engineer',
      {
        config: { permission: 'engineers:assign' },
        schema: {
          tags,
          summary: "Give a customer to an engineer of the customer's region",
          params: CustomerParams,
          headers,
          body: EngineerBody,
          response: { 200: Success },
        },
      },
      async (request, reply) => {
        const { customer, code } = await customerToChange(request, request.params.id);
        const engineerId = await findEngineer(users, customer.regions, request.body);
        return success(reply, await assignEngineer(context, code, engineerId, deedOf(request)));
      },
    );

    app.put(
      '/customers/:id/invoices/:invoiceNumber/dispute',
      {
        config: writing,
        schema: {
          tags,
          summary: 'Set the status of an invoice, from the running month on',
          params: InvoiceParams,
          headers,
          body: StatusBody,
          response: { 200: Success },
        },
      },
      async (request, reply) => {
        const { invoiceNumber } = request.params;
        const { newStatus } = request.body;
        const { member, code } = await customerToChange(request, request.params.id);
        if (newStatus === 'paid' && member.role === 'Engineer') {
          throw new CodedError('FORBIDDEN', 'Only a manager may set an invoice to paid.');
        }
        const scope = context.writeScope(request);
        const deed = deedOf(request);
        return success(reply, await markInvoice(context, scope, code, invoiceNumber, newStatus, deed));
      },
    );
  };
}
