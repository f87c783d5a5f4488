import type { DayNumber } from '@backoffice/core';

/** An upload as the API tells it; only what is looked at here. */
export interface Upload {
  status: string;
  fileName?: string;
  dryRun?: boolean;
  undone?: boolean;
  duplicate?: boolean;
  counts?: Record<string, number>;
}

/** The API, signed in; paths below the system's prefix. */
export interface DemoApi {
  get: <T>(path: string) => Promise<T>;
  put: (path: string, body: object) => Promise<void>;
  upload: (
    path: string,
    file: string,
    fields: Record<string, string>,
    onProgress: (fraction: number) => void,
  ) => Promise<Upload>;
}

/** What of the demo data is there already. */
export interface DemoState {
  version: number;
  facts: Record<string, string>;
  done: string[];
  finished: boolean;
}

/** What the demo data gets to work with; the seed command gives it. */
export interface DemoContext {
  signIn: (email: string) => Promise<DemoApi>;
  dir: string;
  today: DayNumber;
  signal: AbortSignal;
  marker: {
    find: () => Promise<DemoState | null>;
    begin: (version: number, facts: Record<string, string>) => Promise<void>;
    markDone: (step: string) => Promise<void>;
    finish: () => Promise<void>;
  };
  progress: (step: string, done: number, total: number, detail?: string) => void;
  say: (text: string) => void;
}
