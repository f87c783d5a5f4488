import type { InvoiceStatus, Region, Remark } from '../../src/model.ts';
import type { Engineer } from './events.ts';
import type { ImportInput, ImportOutcome } from './importing.ts';
import type { MutationOutcome, Reference } from './reference.ts';
import type { UndoOutcome } from './undo.ts';

/** One thing that happens, as plain JSON: the same list is played to the reference and to the engine. */
export type Command =
  | ({ type: 'import' } & ImportInput)
  | { type: 'undo'; uploadId: string; at: string }
  | { type: 'mark'; code: string; number: string; status: InvoiceStatus; at: string }
  | { type: 'assign'; code: string; engineerId: string | null; at: string }
  | { type: 'remark'; code: string; remark: Remark; at: string }
  | { type: 'notes'; code: string; notes: string; at: string }
  /** Time passes; nothing else happens. */
  | { type: 'clock'; at: string };

/** A firm and what happens to it. `at` never runs backwards. */
export interface Scenario {
  regions: Region[];
  engineers: Engineer[];
  commands: Command[];
}

/** The clock that reference and engine share. */
export interface Clock {
  at: Date;
}

/** Sets the clock to the command's moment and plays it. */
export function applyCommand(
  reference: Reference,
  command: Command,
  clock: Clock,
): ImportOutcome | UndoOutcome | MutationOutcome | null {
  clock.at = new Date(command.at);
  switch (command.type) {
    case 'import':
      return reference.import(command);
    case 'undo':
      return reference.undo(command.uploadId);
    case 'mark':
      return reference.mark(command.code, command.number, command.status, command.at);
    case 'assign':
      return reference.assign(command.code, command.engineerId, command.at);
    case 'remark':
      return reference.remark(command.code, command.remark, command.at);
    case 'notes':
      return reference.notes(command.code, command.notes, command.at);
    case 'clock':
      return null;
  }
}
