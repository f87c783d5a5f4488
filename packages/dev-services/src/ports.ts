import { createServer } from 'node:net';
import { DevServicesError } from './errors.ts';

/** A port that nobody listens on right now; another program may still take it before it is used. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return tryListen(0, host);
}

/**
 * Says before anything slow has begun that a port is taken.
 * @param setting the name of the setting that moves it, for the sentence
 */
export async function assertPortFree(port: number, setting: string, host = '127.0.0.1'): Promise<void> {
  try {
    await tryListen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new DevServicesError(
        `Port ${port} is in use by another program: stop that one or set ${setting} to a free port.`,
      );
    }
    throw new DevServicesError(`Port ${port} on ${host} cannot be used (${code}): set ${setting} or HOST.`);
  }
}

function tryListen(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}
