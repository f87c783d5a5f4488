import { keyOf } from '../../src/model.ts';
import type { Line, World } from './events.ts';
import { whileSettled } from './settled.ts';
import { isLineOf } from './standing.ts';

/** Decision 18: codes, numbers and names are shown as last entered, by time of import. */
function lastEntered(world: World, matches: (line: Line) => boolean): Line | undefined {
  const lines = whileSettled(world, 'lines', () =>
    world.imports.filter((imported) => !imported.undone).flatMap((imported) => imported.lines),
  );
  return lines.findLast((line) => !line.kept && matches(line)) ?? lines.findLast(matches);
}

export function showCode(world: World, code: string): string {
  return lastEntered(world, (line) => keyOf(line.code) === code)?.code ?? code;
}

export function showName(world: World, code: string): string {
  return lastEntered(world, (line) => keyOf(line.code) === code)?.name ?? '';
}

export function showNumber(world: World, code: string, number: string): string {
  return lastEntered(world, (line) => isLineOf(line, code, number))?.number ?? number;
}
