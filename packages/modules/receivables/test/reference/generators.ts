import { addMonths } from '@backoffice/core';
import fc from 'fast-check';
import type { Command, Scenario } from './commands.ts';
import { amended, customersOf, engineersOf, fileOf, notAfter, numberOf } from './files.ts';
import type { ImportInput } from './importing.ts';
import { type Firm, firm, type Step, step } from './steps.ts';

/**
 * Random firms and what happens to them: statements for the last months in any order, for some regions and
 * departments or none, corrections, the same file again, undos, marks, assignments, passing time. Shrinks to
 * few steps and few rows. Print the seed and path of a failing run (`fc.check`).
 */
export function scenarios(options: { minSteps?: number; maxSteps?: number } = {}): fc.Arbitrary<Scenario> {
  const { minSteps = 1, maxSteps = 14 } = options;
  return fc
    .record({ firm, steps: fc.array(step, { minLength: minSteps, maxLength: maxSteps }) })
    .map(({ firm, steps }) => buildScenario(firm, steps));
}

/** Turns steps into commands with all their rows; the clock moves a minute with every step. */
export function buildScenario(firm: Firm, steps: Step[]): Scenario {
  const customers = customersOf(firm);
  const engineers = engineersOf(firm.regions);
  const imports: ImportInput[] = [];
  const commands: Command[] = [];
  let now = Date.UTC(2025, 0, 1 + firm.startDay, firm.startHour, 29);
  const codeOf = (index: number): string => customers[index % customers.length]!.code;

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
        const earlier = imports[step.of % Math.max(1, imports.length)];
        if (earlier) add(amended(earlier, step, common));
        break;
      }
      case 'again': {
        const earlier = imports[step.of % Math.max(1, imports.length)];
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
        const earlier = imports[step.of % Math.max(1, imports.length)];
        if (earlier) commands.push({ type: 'undo', uploadId: earlier.uploadId, at });
        break;
      }
      case 'mark':
        commands.push({
          type: 'mark',
          code: codeOf(step.customer),
          number: numberOf(step.invoice, false),
          status: step.status,
          at,
        });
        break;
      case 'assign': {
        const customer = customers[step.customer % customers.length]!;
        const able = engineers.filter((engineer) => engineer.region === customer.region);
        const engineerId = step.engineer === null ? null : able[step.engineer % able.length]!.id;
        commands.push({ type: 'assign', code: customer.code, engineerId, at });
        break;
      }
      case 'remark':
        commands.push({ type: 'remark', code: codeOf(step.customer), remark: step.remark, at });
        break;
      case 'notes':
        commands.push({ type: 'notes', code: codeOf(step.customer), notes: step.notes, at });
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
