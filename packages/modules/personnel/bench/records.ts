import type { Actor, PersonnelFields, RecordDocument } from '../src/model.ts';
import { countIn } from '../src/repository/series.ts';
import type { PersonnelRepository } from '../src/repository.ts';
import { emptySeries } from '../src/rollups/parts.ts';

const firstNames =
  'Aarav Vivaan Aditya Vihaan Arjun Sai Reyansh Ayaan Krishna Ishaan Shaurya Atharv Ananya Diya Saanvi Aadhya Kiara Myra'.split(
    ' ',
  );
const lastNames =
  'Sharma Verma Gupta Iyer Nair Reddy Patel Singh Khan Das Bose Mehta Joshi Kulkarni Pillai Menon Rao Chopra'.split(
    ' ',
  );
const sectors = ['North', 'South', 'East', 'West'];

/** Parts of names and numbers to look for: some that many have, some that few or none have. */
export const parts = ['harm', 'iyer1', 'kul', 'NA/19', 'vihaan', 'bose99', 'zzz', 'a k', 'menon', '12345'];

/** Somebody whose names and numbers follow from a number. */
export function personAt(index: number): PersonnelFields {
  return {
    first_name: firstNames[index % firstNames.length]!,
    last_name: `${lastNames[(index * 7) % lastNames.length]}${index % 977}`,
    middle_name: index % 5 === 0 ? firstNames[(index * 5) % firstNames.length]! : null,
    army_number: `NA/${index}`,
    phone_number: `080${String(index).padStart(8, '0')}`,
    rank: 'Sgt',
    bank: { name: 'State Bank', sort_code: '011' },
    acct_number: `00${String(index).padStart(8, '0')}`,
    sub_sector: sectors[index % sectors.length]!,
    location: null,
    remark: null,
  };
}

const by: Actor = { userId: 'bench', name: 'Bench', requestId: 'bench' };

/** A db with so many records, as an import leaves them; gives its id. */
export async function fillDb(repository: PersonnelRepository, code: string, count: number): Promise<string> {
  const fields = { name: `Db ${code}`, short_code: code, description: 'for the bench' };
  const made = await repository.dbs.insert(fields, null, () => ({}) as never);
  const db = made._id.toHexString();
  const figures = emptySeries();
  for (let begun = 0; begun < count; begun += 1_000) {
    const documents: RecordDocument[] = [];
    for (let index = begun; index < Math.min(begun + 1_000, count); index += 1) {
      const given = { fields: personAt(index), db, status: null };
      const record = repository.records.newDocument(given, 'imported', by);
      documents.push(countIn(record, figures, repository.dayOf));
    }
    await repository.records.collection.insertMany(documents, { ordered: false });
  }
  await repository.series.bring(db, made._id, figures);
  return db;
}
