import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Services } from '@backoffice/dev-services';
import { type BenchSubject, type BenchSystem, startSystem } from './system.ts';

/** A line of the table: what is compared, and the aim where there is one. */
interface BenchLine {
  what: string;
  value: string;
  aim?: string;
  met?: boolean;
}

/** What a module's `bench/main.ts` exports: who signs in, and what it measures on a running system. */
interface ModuleBench {
  subject: BenchSubject;
  bench: (setting: {
    system: BenchSystem;
    dir: string;
    quick: boolean;
    runs: number;
    say: (line: string) => void;
  }) => Promise<BenchLine[]>;
}

const modules = new URL('../packages/modules/', import.meta.url);

/** Runs the benches that modules bring along, each on a system of its own; gives their table. */
export async function benchModules(
  services: Services,
  setting: { dir: string; quick: boolean; runs: number; say: (line: string) => void; signal: AbortSignal },
): Promise<string> {
  const lines: BenchLine[] = [];
  for (const name of readdirSync(modules).sort()) {
    const main = new URL(`${name}/bench/main.ts`, modules);
    if (!existsSync(main)) continue;
    setting.signal.throwIfAborted();
    const { subject, bench } = (await import(main.href)) as ModuleBench;
    const dir = join(setting.dir, name);
    mkdirSync(dir);
    const system = await startSystem(services, dir, setting.signal, subject);
    try {
      lines.push(...(await bench({ ...setting, system, dir })));
    } finally {
      await system.close();
    }
  }
  const verdict = ({ met }: BenchLine) =>
    met === undefined ? '' : setting.quick ? 'not judged' : met ? 'met' : 'missed';
  const cells = lines.map((line) => [line.what, line.value, line.aim ?? '', verdict(line)]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
