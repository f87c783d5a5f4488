import { createInterface } from 'node:readline';
import { CodedError, errorCodes } from '@backoffice/core';
import { isSystemError } from './failure.ts';
import { parseWorkbook } from './parse.ts';
import type { Answer, Failed, Message, ReadRequest } from './protocol.ts';

// Entry of the parsing process. It has no other way out than its output, and ends with its parent: when the
// parent's end of the input closes, for whatever reason, there is nobody left to parse for.
process.title = 'backoffice-parser';
const waiting: ((line: string) => void)[] = [];
const early: string[] = [];
const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  const next = waiting.shift();
  if (next) next(line);
  else early.push(line);
});
input.on('close', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));

function nextLine(): Promise<string> {
  const line = early.shift();
  return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
}

function write(line: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()));
}

function send(message: Message): Promise<void> {
  return write(JSON.stringify(message));
}

function failed(error: unknown): Failed {
  if (error instanceof CodedError) {
    const { code, message, details } = error;
    return { code, message, ...(details && { details }) };
  }
  if (isSystemError(error)) return { message: (error as Error).message };
  // A fault of ours that this file brought to light. Trying again would show it again.
  console.error(error);
  return { code: 'PARSE_CRASHED', message: errorCodes.PARSE_CRASHED };
}

const peakRssKb = () => process.resourceUsage().maxRSS;

try {
  const request = JSON.parse(await nextLine()) as ReadRequest;
  await parseWorkbook(request, {
    send,
    sendRows: (rows) => write(`{"rows":[${rows.join(',')}]}`),
    answer: async () => (await nextLine()) as Answer,
  });
  await send({ done: true, peakRssKb: peakRssKb() });
} catch (error) {
  await send({ failed: failed(error), peakRssKb: peakRssKb() });
}
process.exit(0);
