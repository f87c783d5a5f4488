import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: string;
}

/** A connection on which a test writes what no client library would. */
export function openSocket(port: number): {
  socket: Socket;
  received: () => string;
  closed: Promise<string>;
} {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    text += chunk;
  });
  const closed = new Promise<string>((resolve) => {
    // A server that closes while we still write resets the connection; what it said before counts.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
  return { socket, received: () => text, closed };
}

/** Sends these bytes and gives the first answer of all that comes until the server closes. */
export async function exchange(port: number, bytes: string): Promise<RawAnswer> {
  const { socket, closed } = openSocket(port);
  socket.write(bytes, 'latin1');
  return parseAnswer(await closed);
}

export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  return { status: Number(first.split(' ')[1]), headers, body: end < 0 ? '' : text.slice(end + 4) };
}
