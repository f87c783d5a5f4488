import type { DayNumber } from '@backoffice/core';
import type { Membership } from './auth/member.ts';
import type { SignInKind } from './auth/sign-in-names.ts';
import type { SystemName } from './http/module.ts';

/** A user of a seed, with an e-mail address or an army number to sign in by. The password is the seed's business. */
export interface SeedUser {
  email?: string;
  armyNumber?: string;
  name: string;
  contact: string;
  membership: Membership;
}

/**
 * By what a seeded user is known.
 * @throws Error for one without e-mail and army number
 */
export function signInNameOf({ email, armyNumber, name }: Omit<SeedUser, 'membership'>): {
  kind: SignInKind;
  name: string;
} {
  if (email !== undefined) return { kind: 'email', name: email };
  if (armyNumber !== undefined) return { kind: 'armyNumber', name: armyNumber };
  throw new Error(`The seeded user ${name} has nothing to sign in by.`);
}

/** An upload as the API tells it; only what a seed looks at. */
export interface SeedUpload {
  uploadId: string;
  status: 'queued' | 'processing' | 'completed' | 'completed_with_errors' | 'failed';
  progress?: number;
  fileName?: string;
  dryRun?: boolean;
  duplicate?: boolean;
  undone?: boolean;
  errorCount?: number;
  counts?: Record<string, number>;
  statusUrl?: string;
}

/** The API as one signed-in user has it. Paths begin with `/`, below the system's prefix. */
export interface SeedSession {
  get: <T>(path: string) => Promise<T>;
  put: (path: string, body: object) => Promise<void>;
  post: <T>(path: string, body: object) => Promise<T>;
  patch: (path: string, body: object) => Promise<void>;
  remove: (path: string, body?: object) => Promise<void>;
  /** Sends a workbook with its fields and follows it to the end of the import. */
  upload: (
    path: string,
    file: string,
    fields: Record<string, string>,
    onProgress: (fraction: number) => void,
  ) => Promise<SeedUpload>;
}

/** What of a system's demo data is there already. */
export interface SeedState {
  /** Of the demo data: another version is another story. */
  version: number;
  /** Facts that a resumed run must not decide anew, such as the day as of which the data is made. */
  facts: Record<string, string>;
  /** Names of the steps that are done. */
  done: string[];
  finished: boolean;
}

export interface SeedMarker {
  find: () => Promise<SeedState | null>;
  /** Begins, or goes on with other facts; what is done stays done. */
  begin: (version: number, facts: Record<string, string>) => Promise<void>;
  markDone: (step: string) => Promise<void>;
  finish: () => Promise<void>;
}

/** What a module's demo data gets to work with. All of it goes through the API, as a user would do it. */
export interface SeedContext {
  /** By the e-mail address or the army number of a seeded user. */
  signIn: (name: string) => Promise<SeedSession>;
  /** For files that are uploaded; kept, so that a repeated upload is the same file. */
  dir: string;
  today: DayNumber;
  /** Aborted when the seed is asked to stop. */
  signal: AbortSignal;
  marker: SeedMarker;
  /** Shows how far a step is. */
  progress: (step: string, done: number, total: number, detail?: string) => void;
  say: (text: string) => void;
}

/** How the API of a system is spoken to, where that is not as the platform's own routes have it. */
export interface SeedWire {
  /** The body of `POST /auth/login`. */
  credentials: (name: string, password: string) => object;
  /** What an answer carries. */
  dataOf: (answer: unknown) => unknown;
}

/** What a module hands to the seed. */
export interface ModuleSeed {
  system: SystemName;
  administrators: () => readonly SeedUser[];
  demoUsers: () => readonly SeedUser[];
  /** The demo users that one wants to sign in as first: by which name, and what they may do. */
  logins: readonly { name: string; may: string }[];
  wire?: SeedWire;
  /** Safe to repeat after a kill at any point; quick when everything is there. */
  demo: (context: SeedContext) => Promise<void>;
}
