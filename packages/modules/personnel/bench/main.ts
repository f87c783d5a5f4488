import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createSharedReads } from '@backoffice/platform';
import { writeWorkbook } from '@backoffice/spreadsheet';
import type { Db } from 'mongodb';
import { personnelSeed } from '../src/demo/seed.ts';
import { recordsSheet } from '../src/imports/template.ts';
import { personnel } from '../src/index.ts';
import { type RecordDocument, searchText } from '../src/model.ts';
import { createPersonnelRepository } from '../src/repository.ts';
import { fillDb, parts, personAt } from './records.ts';

/** The API and the worker on an empty database of their own, with an administrator signed in. */
interface System {
  db: Db;
  call: <T>(path: string, init?: RequestInit) => Promise<T>;
  upload: (path: string, fields: Record<string, string>) => Promise<unknown>;
}

export interface BenchSetting {
  system: System;
  /** Empty, for files. */
  dir: string;
  /** Shows that it works, and says nothing about the aims. */
  quick: boolean;
  runs: number;
  say: (line: string) => void;
}

/** A line of the table: what is compared, and the aim where there is one. */
export interface BenchLine {
  what: string;
  value: string;
  aim?: string;
  met?: boolean;
}

/** The system that is measured, and who signs in to it. */
export const subject = {
  module: personnel,
  membership: {
    ...{ role: 'admin', firstName: 'Bench', lastName: 'User' },
    ...{ allowedDbs: [], accessAllDb: true, isGenerated: false },
  },
  armyNumber: 'BENCH-001',
  wire: personnelSeed.wire!,
  uploads: '/personnels/upload',
};

const zone = 'Asia/Kolkata';
/** The longest that 95 of 100 searches may take, in milliseconds (issue: search by part of a name). */
const searchAim = 100;

/** What the system of personnel records is measured by: imports, searches, headcounts. */
export async function bench(setting: BenchSetting): Promise<BenchLine[]> {
  return [...(await imports(setting)), ...(await reading(setting))];
}

/** An import, from the first byte of the upload to a list that shows every record, against inserts one by one. */
async function imports({ system, dir, quick, runs, say }: BenchSetting): Promise<BenchLine[]> {
  const rows = quick ? 2_000 : 50_000;
  const sample = quick ? 200 : 2_000;
  const path = join(dir, 'records.xlsx');
  await writeWorkbook(createWriteStream(path), [recordsSheet(people(rows))]);
  const ratios: number[] = [];
  let took = 0;
  // The first one only wakes the worker and its parser.
  for (let run = 0; run <= runs; run += 1) {
    const code = `IMPORT${run}`;
    const fields = { name: code, short_code: code, description: 'for the bench' };
    const { id } = await system.call<{ id: string }>('/admin/dbs', {
      method: 'POST',
      body: JSON.stringify(fields),
    });
    const began = performance.now();
    await system.upload(path, { db_id: id });
    const { meta } = await system.call<{ meta: { total: number } }>(`/personnels/db/${id}`);
    took = performance.now() - began;
    if (meta.total !== rows) throw new Error(`${meta.total} records are listed, not ${rows}.`);
    const one = await oneByOne(system.db, sample);
    if (run > 0) ratios.push((one * rows) / took);
    say(`${rows} rows: import in ${(took / 1_000).toFixed(2)} s, one insert in ${one.toFixed(2)} ms`);
  }
  const ratio = median(ratios);
  return [
    {
      what: `personnel: import of ${rows} rows, faster than one-by-one inserts`,
      value: `${ratio.toFixed(1)} ×`,
    },
    { what: 'for information: personnel import', value: `${(took / 1_000).toFixed(2)} s` },
  ];
}

async function* people(count: number) {
  for (let index = 0; index < count; index += 1) yield { ...personAt(index), status: 'active' };
}

/** Milliseconds of one insert of a plain document under an index that keeps army numbers unique. */
async function oneByOne(db: Db, count: number): Promise<number> {
  const plain = db.collection('bench_plain');
  await plain.drop().catch(() => undefined);
  await plain.createIndex({ db_id: 1, army_number: 1 }, { unique: true });
  const began = performance.now();
  for (let index = 0; index < count; index += 1) await plain.insertOne({ db_id: 1, ...personAt(index) });
  return (performance.now() - began) / count;
}

/** Searches over HTTP in dbs of 20,000 records each: with a few of them and with many. Headcounts beside it. */
async function reading({ system, quick, say }: BenchSetting): Promise<BenchLine[]> {
  const repository = createPersonnelRepository({
    db: system.db,
    clock: () => new Date(),
    config: { TIME_ZONE: zone } as never,
    reads: createSharedReads(system.db),
  });
  const size = quick ? 500 : 20_000;
  const [few, many] = quick ? [1, 2] : [5, 25];
  const dbs: string[] = [];
  const fillTo = async (count: number) => {
    while (dbs.length < count) dbs.push(await fillDb(repository, `SEARCH${dbs.length}`, size));
    say(`${dbs.length * size} records in ${dbs.length} dbs`);
  };
  await fillTo(few);
  const small = await searches(system, dbs, quick ? 20 : 200);
  await fillTo(many);
  const large = await searches(system, dbs, quick ? 20 : 200);
  const { keys, documents, stage } = await searchPlan(system.db, dbs[0]!);
  const counted = await headcounts(system, repository, dbs[0]!, quick ? 20 : 300);
  return [
    {
      what: `personnel: search of a part among ${many * size} records in ${many} dbs, p95`,
      value: `${large.toFixed(1)} ms`,
      aim: `< ${searchAim} ms`,
      met: large < searchAim,
    },
    {
      what: `… of that with ${few} dbs`,
      value: `${(large / small).toFixed(2)} ×`,
      aim: 'the same (≤ 1.25 ×)',
      met: large / small <= 1.25,
    },
    { what: `… its plan: ${stage}`, value: `${keys} keys, ${documents} documents of ${size}` },
    {
      what: 'personnel: headcount as of a day, time of one indexed read',
      value: `${counted.toFixed(2)} ×`,
    },
  ];
}

/** The time that 95 of 100 searches stay under, in milliseconds. */
async function searches(system: System, dbs: readonly string[], count: number): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    const part = encodeURIComponent(parts[turn % parts.length]!);
    const began = performance.now();
    await system.call(`/personnels/db/${dbs[(turn * 7) % dbs.length]}?search=${part}`);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.95)]!;
}

/** What the database looks at for a search: entries of the index, none of the records. */
async function searchPlan(db: Db, id: string) {
  const records = db.collection<RecordDocument>('personnel_records');
  const sample = await records.findOne({ 'spells.db': id });
  const part = searchText(sample!).slice(0, 4);
  const explained = (await records
    .find({ db_id: sample!.db_id, live: true, search: { $regex: part } }, { projection: { _id: 1 } })
    .sort({ created_at: 1, _id: 1 })
    .hint('list_and_search')
    .explain('executionStats')) as {
    queryPlanner: { winningPlan: { stage: string; inputStage?: { stage: string; indexName?: string } } };
    executionStats: { totalKeysExamined: number; totalDocsExamined: number };
  };
  const { stage, inputStage } = explained.queryPlanner.winningPlan;
  const { totalKeysExamined: keys, totalDocsExamined: documents } = explained.executionStats;
  return { keys, documents, stage: `${stage} of ${inputStage?.stage} ${inputStage?.indexName}` };
}

/** A headcount from the figures against reading one document by its id, in turn. */
async function headcounts(
  { db }: System,
  { series, dbs }: ReturnType<typeof createPersonnelRepository>,
  id: string,
  count: number,
): Promise<number> {
  const reachable = (await dbs.scope('all')).dbs.get(id)!;
  const { _id } = (await db.collection('personnel_records').findOne({ 'spells.db': id }))!;
  const [figures, one]: [number[], number[]] = [[], []];
  await series.fold(reachable);
  for (let turn = 0; turn < count; turn += 1) {
    const began = performance.now();
    await series.read(reachable);
    const between = performance.now();
    await db.collection('personnel_records').findOne({ _id });
    figures.push(between - began);
    one.push(performance.now() - between);
  }
  return median(figures) / median(one);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
