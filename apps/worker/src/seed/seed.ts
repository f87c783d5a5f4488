import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dayInZone } from '@backoffice/core';
import { type Config, type ModuleSeed, type Platform, portOf, type SystemModule } from '@backoffice/platform';
import { signIn } from './api-client.ts';
import { createSeedMarker } from './marker.ts';
import { createProgress, type ProgressOutput } from './progress.ts';
import { seedUsers } from './users.ts';

export interface SeedOptions {
  platform: Pick<Platform, 'config' | 'db' | 'clock'>;
  seeds: readonly ModuleSeed[];
  /** All of this build: where the API of each listens. */
  systems: readonly SystemModule[];
  output: ProgressOutput;
  signal: AbortSignal;
}

/**
 * Brings the users, and with `SEED=demo` the demo data, to where they should be. The API and a worker must
 * be running for the data; a system that the API does not serve (SYSTEMS) gets its users only. Safe to repeat after a kill at any point, and quick when there is nothing to do.
 *
 * A password changed since is set back in a local run, because the start prints one password for all; in
 * production a user who exists is left alone.
 */
export async function runSeed({ platform, seeds, systems, output, signal }: SeedOptions): Promise<void> {
  const { config, db, clock } = platform;
  const { SEED, SEED_PASSWORD: password, NODE_ENV, SYSTEMS } = config;
  if (SEED === 'none') return;
  const demo = SEED === 'demo';
  if (demo && NODE_ENV === 'production') throw new Error('SEED=demo is refused where NODE_ENV=production.');

  const { progress, say, endLine } = createProgress(output);
  const users = seeds.flatMap((seed) =>
    (demo ? seed.demoUsers() : seed.administrators()).map((user) => ({ ...user, system: seed.system })),
  );
  const changed = await seedUsers({ db, users, password, resetPasswords: NODE_ENV !== 'production' });
  if (changed > 0) say(`${changed} users created or given the password`);
  if (!demo) return;

  const dir = join(config.DATA_DIR, 'demo');
  await mkdir(dir, { recursive: true });
  const today = dayInZone(clock(), config.TIME_ZONE);
  try {
    for (const seed of seeds.filter(({ system }) => SYSTEMS.length === 0 || SYSTEMS.includes(system))) {
      signal.throwIfAborted();
      await seed.demo({
        signIn: (name) => signIn(baseOf(config, systems, seed), { name, password, wire: seed.wire }, signal),
        dir,
        today,
        signal,
        marker: createSeedMarker(db, seed.system, clock),
        progress,
        say,
      });
    }
  } finally {
    endLine();
  }
}

/** The base address of a seed's system, with its prefix. */
function baseOf(config: Config, systems: readonly SystemModule[], seed: ModuleSeed): string {
  const system = systems.find(({ name }) => name === seed.system);
  if (system === undefined) throw new Error(`There is a seed of ${seed.system}, which is no system here.`);
  return `http://${config.HOST}:${portOf(config, system)}${system.prefix}`;
}
