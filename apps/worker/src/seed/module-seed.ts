import type { DayNumber } from '@backoffice/core';
import type { Membership, SystemName } from '@backoffice/platform';
import type { ApiSession } from './api-client.ts';
import type { SeedMarker } from './marker.ts';

export interface SeedUser {
  email: string;
  name: string;
  contact: string;
  membership: Membership;
}

/** What a module's demo data gets to work with. All of it goes through the API, as a user would do it. */
export interface SeedContext {
  signIn: (email: string) => Promise<ApiSession>;
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

/** What a module hands to the seed. */
export interface ModuleSeed {
  system: SystemName;
  administrators: () => readonly SeedUser[];
  demoUsers: () => readonly SeedUser[];
  /** Safe to repeat after a kill at any point; quick when everything is there. */
  demo: (context: SeedContext) => Promise<void>;
}
