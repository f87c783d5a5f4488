import { addMonths } from '@backoffice/core';
import fc from 'fast-check';
import type { Region } from '../../src/model.ts';
import type { Command, Scenario } from './commands.ts';
import { amended, customersOf, engineersOf, fileOf, notAfter } from './files.ts';
import type { ImportInput } from './importing.ts';
import { type FileSpec, type Firm, firm, nowhere, type Step, step } from './steps.ts';

/**
 * Random firms and what happens to them: statements for the last months in any order, for some regions and
 * departments or none, corrections, the same file again, undos, marks, assignments, passing time. Shrinks to
 * few steps and few rows. Print the seed and path of a failing run (`fc.check`).
 */
export function scenarios(options: { minSteps?: number; maxSteps?: number } = {}): fc.Arbitrary<Scenario> {
  const { minSteps = 1, maxSteps = 14 } = options;
  return fc
    .record({ firm, steps: fc.array(step, { minLength: minSteps, maxLength: maxSteps, size: 'max' }) })
    .map(({ firm, steps }) => buildScenario(firm, steps));
}

const openingFile: Omit<FileSpec, 'monthsBack' | 'departments'> = {
  byForm: false,
  ages: 'dates',
  regions: 0,
  all: 4,
  rows: [],
  rejected: [],
  lowerCase: false,
  moved: null,
  options: {
    covers: 'listed',
    onError: 'reject_rows',
    confirm: false,
    dryRun: false,
    headerMonthDiffers: false,
    duplicates: 0,
  },
};

/** Turns steps into commands with all their rows; the clock moves a minute with every step. */
export function buildScenario(firm: Firm, steps: Step[]): Scenario {
  const customers = customersOf(firm);
  const engineers = engineersOf(firm.regions);
  const imports: ImportInput[] = [];
  const commands: Command[] = [];
  let now = Date.UTC(2025, 0, 1 + firm.startDay, firm.startHour, 29);
  const earlierOne = (of: number): ImportInput | undefined =>
    imports[imports.length - 1 - (of % imports.length)];
  const rowAt = (of: number, nth: number): { code: string; region: Region; number: string | null } => {
    const rows = earlierOne(of)?.rows ?? [];
    const row = nth === nowhere ? undefined : rows[nth % rows.length];
    return row ?? { code: 'C-none', region: firm.regions[0]!, number: null };
  };

  if (firm.opening) {
    const at = new Date(now).toISOString();
    add(fileOf({ ...openingFile, ...firm.opening }, { at, number: 1, customers, firm, engineers }));
  }
  for (const step of steps) {
    now += 60_000;
    if (step.type === 'clock') now += (step.days * 24 + step.hours) * 3_600_000;
    const at = new Date(now).toISOString();
    const common = { at, number: imports.length + 1, customers, firm, engineers };
    switch (step.type) {
      case 'import':
        add(fileOf(step.file, common));
        break;
      case 'amended': {
        const earlier = earlierOne(step.of);
        if (earlier) add(amended(earlier, step, common));
        break;
      }
      case 'again': {
        const earlier = earlierOne(step.of);
        if (!earlier) break;
        const { asOf: _asOf, ...same } = earlier;
        add({
          ...same,
          uploadId: `upload-${common.number}`,
          at,
          month: notAfter(addMonths(earlier.month, step.monthsOn), at),
          confirm: step.confirm,
        });
        break;
      }
      case 'undo': {
        const earlier = earlierOne(step.of);
        if (earlier) commands.push({ type: 'undo', uploadId: earlier.uploadId, at });
        break;
      }
      case 'mark': {
        const { code, number } = rowAt(step.of, step.nth);
        commands.push({ type: 'mark', code, number: number ?? 'INV-none', status: step.status, at });
        break;
      }
      case 'assign': {
        const { code, region } = rowAt(step.of, step.nth);
        const able = engineers.filter((engineer) => engineer.region === region);
        const engineerId = step.engineer === null ? null : able[step.engineer % able.length]!.id;
        commands.push({ type: 'assign', code, engineerId, at });
        break;
      }
      case 'remark':
        commands.push({ type: 'remark', code: rowAt(step.of, step.nth).code, remark: step.remark, at });
        break;
      case 'notes':
        commands.push({ type: 'notes', code: rowAt(step.of, step.nth).code, notes: step.notes, at });
        break;
      case 'clock':
        commands.push({ type: 'clock', at });
        break;
    }
  }
  return { regions: firm.regions, engineers, commands };

  function add(input: ImportInput): void {
    imports.push(input);
    commands.push({ type: 'import', ...input });
  }
}
