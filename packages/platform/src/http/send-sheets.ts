import { PassThrough, type Writable } from 'node:stream';
import { type SheetContent, writeWorkbook } from '@backoffice/spreadsheet';
import { Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { attachment } from '../uploads/receive.ts';

export const workbookType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';

/** A workbook as the answer of a route, for its documentation. */
export const Workbook = {
  description: 'A workbook',
  content: { [workbookType]: { schema: Type.String({ format: 'binary' }) } },
};

/** Sends a workbook while it is being written. */
export function sendWorkbook(
  reply: FastifyReply,
  fileName: string,
  sheets: Iterable<SheetContent> | AsyncIterable<SheetContent>,
): FastifyReply {
  return sendStreamed(reply, fileName, workbookType, (target) => writeWorkbook(target, sheets));
}

/** Sends a file while `write` writes it. */
export function sendStreamed(
  reply: FastifyReply,
  fileName: string,
  type: string,
  write: (target: Writable) => Promise<void>,
): FastifyReply {
  const stream = new PassThrough();
  write(stream).catch((error: Error) => {
    // Who asked has gone, or asked for the headers only.
    if (stream.destroyed && stream.errored === null) return;
    reply.log.error({ err: error }, 'the file broke off');
    // The answer has begun; breaking it off is the only way left to say so.
    stream.destroy(error);
  });
  return reply.type(type).header('content-disposition', attachment(fileName)).send(stream);
}
