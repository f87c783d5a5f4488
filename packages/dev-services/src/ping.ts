import { connect } from 'node:net';

const opMsg = 2013;

/** Whether a mongod answers a command at the port: it accepts connections before it serves. */
export function mongoAnswers(port: number): Promise<boolean> {
  // { ping: 1, $db: "admin" } by hand: this package must not need a driver to know that a server is up.
  const body = Buffer.concat([
    Buffer.from('\x10ping\0\x01\0\0\0', 'latin1'),
    Buffer.from('\x02$db\0\x06\0\0\0admin\0', 'latin1'),
    Buffer.from([0]),
  ]);
  const document = Buffer.concat([int32(body.length + 4), body]);
  const length = 16 + 4 + 1 + document.length;
  const message = [int32(length), int32(1), int32(0), int32(opMsg), int32(0), Buffer.from([0]), document];
  return ask(port, Buffer.concat(message), (reply) => reply.length >= 16 && reply.readInt32LE(12) === opMsg);
}

/** Whether a Redis answers at the port and has read its append-only file (until then it says LOADING). */
export function redisAnswers(port: number): Promise<boolean> {
  return ask(port, Buffer.from('PING\r\n'), (reply) => reply.toString('latin1').startsWith('+PONG'));
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

function ask(port: number, question: Buffer, isAnswer: (reply: Buffer) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1_000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write(question));
    socket.once('data', (reply: Buffer) => end(isAnswer(reply)));
    socket.once('close', () => resolve(false));
  });
}
