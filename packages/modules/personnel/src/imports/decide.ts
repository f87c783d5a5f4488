import { inertText } from '@backoffice/spreadsheet';
import type { ObjectId } from 'mongodb';
import type { PersonnelFields, RecordDocument } from '../model.ts';
import type { RowChange } from '../repository/imports.ts';
import type { ParsedRow } from './rows.ts';

/** What becomes of a row, as the records stand. */
export type Decision =
  | { what: 'insert' }
  | { what: 'update'; change: RowChange }
  /** An earlier run of this import has done it. */
  | { what: 'inserted' | 'updated' }
  | { what: 'unchanged' }
  /** The number is somebody's: with other values, or of an import that is not published. */
  | { what: 'exists' };

export interface Standing {
  /** The live record with the row's number, hidden ones too. */
  found: RecordDocument | undefined;
  /** Whether the record that this row makes is there. */
  own: boolean;
}

export function decide(
  row: ParsedRow,
  { found, own }: Standing,
  facts: { importId: ObjectId; hidden: ReadonlySet<string>; onExisting: 'reject' | 'update' },
): Decision {
  if (own) return { what: 'inserted' };
  if (found === undefined) return { what: 'insert' };
  if (found.imported?.some((each) => each.import_id.equals(facts.importId))) return { what: 'updated' };
  if (facts.hidden.has(found.pristine_import?.toHexString() ?? '')) return { what: 'exists' };
  const fields = changedFields(row, found);
  const status = row.status === null || row.status === found.status ? null : row.status;
  if (Object.keys(fields).length === 0 && status === null) return { what: 'unchanged' };
  return facts.onExisting === 'update'
    ? { what: 'update', change: { found, fields, status } }
    : { what: 'exists' };
}

/** The fields of the row that say something else than the record. */
function changedFields({ fields }: ParsedRow, found: PersonnelFields): Partial<PersonnelFields> {
  const changed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'bank') {
      const { name: bank, sort_code } = fields.bank;
      if (!isSame(bank, found.bank.name) || !isSame(sort_code, found.bank.sort_code)) changed.bank = value;
    } else if (!isSame(value as string | null, found[name as 'remark'])) changed[name] = value;
  }
  return changed as Partial<PersonnelFields>;
}

/** Whether two rows of a sheet say the same. */
export function isSameRow(a: ParsedRow, b: ParsedRow): boolean {
  return a.status === b.status && Object.keys(changedFields(a, b.fields as PersonnelFields)).length === 0;
}

/** A blank cell is an empty text and nothing at all; what an export put in front of a text is none of it. */
function isSame(a: string | null | undefined, b: string | null | undefined): boolean {
  return a === b || comparable(a) === comparable(b);
}

function comparable(text: string | null | undefined): string {
  return inertText(
    (text ?? '')
      .normalize('NFC')
      .replace(/\u00ad/g, '')
      .replace(/\r\n?/g, '\n')
      .trim(),
  );
}
