import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The part of an upload's status that the seed looks at. */
export interface UploadStatus {
  uploadId: string;
  status: 'queued' | 'processing' | 'completed' | 'completed_with_errors' | 'failed';
  progress?: number;
  fileName?: string;
  dryRun?: boolean;
  duplicate?: boolean;
  errorCount?: number;
  counts?: Record<string, number>;
  statusUrl?: string;
}

/** The API as one signed-in user has it. Paths begin with `/`, below the system's prefix. */
export interface ApiSession {
  get: <T>(path: string) => Promise<T>;
  put: (path: string, body: object) => Promise<void>;
  /** Sends a workbook with its fields and follows it to the end of the import. */
  upload: (
    path: string,
    file: string,
    fields: Record<string, string>,
    onProgress: (fraction: number) => void,
  ) => Promise<UploadStatus>;
}

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

/** Signs in at a system's base address (`http://127.0.0.1:5000/api`). */
export async function signIn(
  base: string,
  credentials: { email: string; password: string },
  signal: AbortSignal,
): Promise<ApiSession> {
  const headers: Record<string, string> = {};

  /** Asks again while the API is busy or not ready, as long as it says when. */
  async function call(method: string, path: string, body?: FormData | object): Promise<Response> {
    const isForm = body instanceof FormData;
    const init: RequestInit = { method, signal, headers: { ...headers } };
    if (body !== undefined) init.body = isForm ? body : JSON.stringify(body);
    if (body !== undefined && !isForm) init.headers = { ...headers, 'content-type': 'application/json' };
    const end = Date.now() + patienceMs;
    for (;;) {
      const answer = await fetch(base + path, init);
      if (answer.ok) return answer;
      const text = await answer.text();
      const busy = answer.status === 429 || answer.status === 503;
      if (!busy || Date.now() > end) {
        throw new ApiRefusal(answer.status, `${method} ${path} was answered ${answer.status}: ${said(text)}`);
      }
      await delay(retryAfterMs(answer, 500), undefined, { signal });
    }
  }

  const { token } = (await (await call('POST', '/auth/login', credentials)).json()) as { token: string };
  headers.authorization = `Bearer ${token}`;

  async function follow(path: string, first: UploadStatus, onProgress: (fraction: number) => void) {
    let status = first;
    while (status.status === 'queued' || status.status === 'processing') {
      onProgress(status.progress ?? 0);
      const answer = await call('GET', `${path}/${status.uploadId}/status`);
      status = (await answer.json()) as UploadStatus;
      if (status.status === 'queued' || status.status === 'processing') {
        await delay(Math.min(retryAfterMs(answer, 200), 200), undefined, { signal });
      }
    }
    return status;
  }

  return {
    async get(path) {
      return (await call('GET', path)).json() as never;
    },
    async put(path, body) {
      await (await call('PUT', path, body)).arrayBuffer();
    },
    async upload(path, file, fields, onProgress) {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) form.append(name, value);
      form.append('file', await openAsBlob(file, { type: workbookType }), basename(file));
      const first = (await (await call('POST', path, form)).json()) as UploadStatus;
      const status = await follow(path, { ...first, status: first.status ?? 'completed' }, onProgress);
      if (status.status === 'failed') {
        throw new ApiRefusal(422, `${basename(file)} was not imported: ${said(JSON.stringify(status))}`);
      }
      return status;
    },
  };
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
