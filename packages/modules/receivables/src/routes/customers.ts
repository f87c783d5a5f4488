import { CodedError, financialYearOf } from '@backoffice/core';
import { type Member, requireMember } from '@backoffice/platform';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readFilter, readYear } from '../asking.ts';
import { customerHistory, customerViews } from '../customers.ts';
import { assignEngineer, findKnownCustomer, type KnownCustomer, markInvoice } from '../follow-up.ts';
import { findEngineer, listEngineers } from '../people.ts';
import { customersView, historyView } from '../presentation.ts';
import {
  CustomerParams,
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
const success = { success: true } as const;

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
  const { repository, users, platform } = context;

  /** The customer that a path means, if this caller may change it. NOT_FOUND, FORBIDDEN. */
  async function customerToChange(request: FastifyRequest, reference: string) {
    const member = requireMember(request);
    const customer = await findKnownCustomer(context, context.writeScope(request), reference);
    refuseOthers(member, customer);
    return { member, customer, code: customer.stored.code };
  }

  async function record(
    request: FastifyRequest,
    action: string,
    code: string,
    before: Record<string, unknown>,
    after: Record<string, unknown>,
  ): Promise<void> {
    const { userId, name } = requireMember(request);
    await platform.audit.record({
      system: 'receivables',
      actor: { userId, name },
      action,
      object: { type: 'customer', id: code },
      before,
      after,
      requestId: request.id,
      at: context.clock(),
    });
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
        const engineers = new Map((await listEngineers(users)).map((each) => [each.id, each]));
        if (page === undefined && limit === undefined) return customersView(views, engineers);
        const [at, size] = [page ?? 1, limit ?? 100];
        sendPaging(request, reply, at, size, views.length);
        return customersView(views.slice((at - 1) * size, at * size), engineers);
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
          body: RemarkBody,
          response: { 200: Success },
        },
      },
      async (request) => {
        const { customer, code } = await customerToChange(request, request.params.id);
        const { newRemark } = request.body;
        await repository.updateRemark(code, newRemark);
        await record(
          request,
          'customer.remark',
          code,
          { remark: customer.stored.remark },
          { remark: newRemark },
        );
        return success;
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
          body: NotesBody,
          response: { 200: Success },
        },
      },
      async (request) => {
        const { customer, code } = await customerToChange(request, request.params.id);
        const { newNotes } = request.body;
        await repository.updateNotes(code, newNotes);
        await record(request, 'customer.notes', code, { notes: customer.stored.notes }, { notes: newNotes });
        return success;
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
          body: EngineerBody,
          response: { 200: Success },
        },
      },
      async (request) => {
        const { member, customer, code } = await customerToChange(request, request.params.id);
        const engineerId = await findEngineer(users, customer.regions, request.body);
        await assignEngineer(context, code, engineerId, member.userId);
        const before = { engineerId: customer.engineerId };
        await record(request, 'customer.assign-engineer', code, before, { engineerId });
        return success;
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
          body: StatusBody,
          response: { 200: Success },
        },
      },
      async (request) => {
        const { invoiceNumber } = request.params;
        const { newStatus } = request.body;
        const { member, code } = await customerToChange(request, request.params.id);
        if (newStatus === 'paid' && member.role === 'Engineer') {
          throw new CodedError('FORBIDDEN', 'Only a manager may set an invoice to paid.');
        }
        const scope = context.writeScope(request);
        const changed = await markInvoice(context, scope, code, invoiceNumber, newStatus, member.userId);
        if (changed) await record(request, 'invoice.status', code, { invoiceNumber }, { status: newStatus });
        return success;
      },
    );
  };
}
