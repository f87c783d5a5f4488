import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeedSession, SeedUpload, SeedWire } from '@backoffice/platform';

/** The API said no; the text says what and where, for a person. */
export class ApiRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiRefusal';
    this.status = status;
  }
}

const workbookType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const patienceMs = 60_000;

/** How the platform's own routes are spoken to. */
const plainWire: SeedWire = {
  credentials: (email, password) => ({ email, password }),
  dataOf: (answer) => answer,
};

/** Signs in at a system's base address (`http://127.0.0.1:5000/api`). */
export async function signIn(
  base: string,
  { name, password, wire = plainWire }: { name: string; password: string; wire?: SeedWire | undefined },
  signal: AbortSignal,
): Promise<SeedSession> {
  const headers: Record<string, string> = {};

  /** Asks again while the API is busy or not ready, as long as it says when. */
  async function call(method: string, path: string, body?: FormData | object): Promise<Response> {
    const isForm = body instanceof FormData;
    const init: RequestInit = { method, headers: { ...headers } };
    if (body !== undefined) init.body = isForm ? body : JSON.stringify(body);
    if (body !== undefined && !isForm) init.headers = { ...headers, 'content-type': 'application/json' };
    const end = Date.now() + patienceMs;
    for (;;) {
      const answer = await fetchUntil(signal, base + path, init);
      if (answer.ok) return answer;
      const text = await answer.text();
      const busy = answer.status === 429 || answer.status === 503;
      if (!busy || Date.now() > end) {
        throw new ApiRefusal(answer.status, `${method} ${path} was answered ${answer.status}: ${said(text)}`);
      }
      await delay(retryAfterMs(answer, 500), undefined, { signal });
    }
  }

  const dataIn = async <T>(answer: Response) => wire.dataOf(await answer.json()) as T;

  const signedIn = await call('POST', '/auth/login', wire.credentials(name, password));
  const { token } = await dataIn<{ token: string }>(signedIn);
  headers.authorization = `Bearer ${token}`;

  async function follow(path: string, first: SeedUpload, onProgress: (fraction: number) => void) {
    let status = first;
    while (status.status === 'queued' || status.status === 'processing') {
      onProgress(status.progress ?? 0);
      const answer = await call('GET', `${path}/${status.uploadId}/status`);
      status = await dataIn<SeedUpload>(answer);
      if (status.status === 'queued' || status.status === 'processing') {
        await delay(Math.min(retryAfterMs(answer, 200), 200), undefined, { signal });
      }
    }
    return status;
  }

  return {
    async get(path) {
      return dataIn(await call('GET', path));
    },
    async put(path, body) {
      await (await call('PUT', path, body)).arrayBuffer();
    },
    async patch(path, body) {
      await (await call('PATCH', path, body)).arrayBuffer();
    },
    async remove(path, body) {
      await (await call('DELETE', path, body)).arrayBuffer();
    },
    async post(path, body) {
      return dataIn(await call('POST', path, body));
    },
    async upload(path, file, fields, onProgress) {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append('file', await openAsBlob(file, { type: workbookType }), basename(file));
      const first = await dataIn<SeedUpload>(await call('POST', path, form));
      const status = await follow(path, { ...first, status: first.status ?? 'completed' }, onProgress);
      if (status.status === 'failed') {
        throw new ApiRefusal(422, `${basename(file)} was not imported: ${said(JSON.stringify(status))}`);
      }
      return status;
    },
  };
}

/** With a signal of its own: on one that thousands share, each request would leave a listener behind. */
async function fetchUntil(signal: AbortSignal, url: string, init: RequestInit): Promise<Response> {
  signal.throwIfAborted();
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await fetch(url, { ...init, signal: own.signal });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function retryAfterMs(answer: Response, fallback: number): number {
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : fallback;
}

/** What an error body says, for a person. */
function said(text: string): string {
  try {
    const body = JSON.parse(text) as { error?: string | { message?: string }; message?: string };
    const error = typeof body.error === 'string' ? body.error : body.error?.message;
    return error ?? body.message ?? text;
  } catch {
    return text;
  }
}
