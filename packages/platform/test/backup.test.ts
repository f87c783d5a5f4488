import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { platformMigrations } from '../src/mongo/platform-migrations.ts';
import { takeHold } from '../src/operations/hold.ts';
import { processesOf } from '../src/operations/presence.ts';
import {
  backUp,
  bringBack,
  hashesOf,
  indexesOf,
  loseEverything,
  openFilled,
  temporaryFolder,
} from './backup-support.ts';
import { filesIn } from './upload-support.ts';

t.test('everything comes back byte for byte: documents of every type, indexes, files', async (t) => {
  const { platform, env } = await openFilled(t);
  const into = await temporaryFolder(t);
  const before = { hashes: await hashesOf(platform), indexes: await indexesOf(platform) };
  const files = (await filesIn(env)).filter((path) => !path.endsWith('store-id'));
  const contents = await Promise.all(files.map((path) => readFile(path)));

  const { folder, manifest } = await backUp(platform, into);
  t.match(manifest, { format: 1, database: platform.db.databaseName, files: { count: 3, missing: [] } });
  t.match(
    manifest.collections.find((each) => each.name === 'many'),
    { documents: 25_000 },
  );
  t.same(await readdir(into), [folder.slice(into.length + 1)], 'nothing else is left in the folder');

  await loseEverything(platform);
  t.not((await hashesOf(platform))['odd things'], before.hashes['odd things']);
  await platform.redis.set(`${env.QUEUE_PREFIX}:receivables:old`, '1');
  await platform.redis.set(`${env.QUEUE_PREFIX}x:of another`, '1');
  const restored = await bringBack(platform, folder);
  t.same(await hashesOf(platform), before.hashes);
  t.same(await indexesOf(platform), before.indexes);
  t.same(await Promise.all(files.map((path) => readFile(path))), contents);
  t.match(restored, { filesPutBack: 3, migrated: [], queueKeys: 1 });
  t.equal(await platform.redis.getdel(`${env.QUEUE_PREFIX}x:of another`), '1', 'another prefix is not ours');
  t.equal(await platform.maintenance.look(), null, 'nobody is held any more');
});

t.test('a migration that is newer than the backup is applied to it', async (t) => {
  const { platform } = await openFilled(t);
  const { folder } = await backUp(platform, await temporaryFolder(t));
  const later = {
    name: '20300101T0000_platform_later',
    up: async (db: typeof platform.db) =>
      void (await db.collection('many').createIndex({ amount: 1 }, { name: 'later' })),
    down: async () => undefined,
  };
  const migrations = [...platformMigrations, later];
  t.match(await bringBack(platform, folder, { replace: true, migrations }), { migrated: [later.name] });
  t.ok(await platform.db.collection('many').indexExists('later'));

  const newer = await backUp(platform, await temporaryFolder(t));
  const hashes = await hashesOf(platform);
  await t.rejects(bringBack(platform, newer.folder, { replace: true }), {
    message: /newer version.*20300101T0000/,
  });
  t.same(await hashesOf(platform), hashes);
});

t.test('a damaged, changed, cut off or foreign backup is refused before anything is touched', async (t) => {
  const { platform } = await openFilled(t);
  const { folder } = await backUp(platform, await temporaryFolder(t));
  const hashes = await hashesOf(platform);
  const [month] = await readdir(join(folder, 'files'));
  const [file] = await readdir(join(folder, 'files', month!));
  const file1 = join('files', month!, file!);

  const flip = async (path: string) => {
    const bytes = await readFile(path);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(path, bytes);
  };
  const forge = async () => {
    const path = join(folder, 'manifest.json');
    const forged = (await readFile(path, 'utf8')).replace('"documents": 25000', '"documents": 24999');
    await writeFile(path, forged);
    const seal = JSON.parse(await readFile(join(folder, 'seal.json'), 'utf8'));
    seal.sha256 = createHash('sha256').update(forged).digest('hex');
    await writeFile(join(folder, 'seal.json'), JSON.stringify(seal));
  };
  const harm: [string, string[], () => Promise<unknown>, RegExp][] = [
    [
      'a byte of a dump',
      ['collections/many.bson.gz'],
      () => flip(join(folder, 'collections/many.bson.gz')),
      /damaged|not what/,
    ],
    [
      'a dump cut off',
      ['collections/many.bson.gz'],
      () => truncate(join(folder, 'collections/many.bson.gz'), 5_000),
      /damaged|cut off/,
    ],
    [
      'a dump missing',
      ['collections/many.bson.gz'],
      () => rm(join(folder, 'collections/many.bson.gz')),
      /missing/,
    ],
    ['a byte of a file', [file1], () => flip(join(folder, file1)), /not what the manifest says/],
    ['a file missing', [file1], () => rm(join(folder, file1)), /missing/],
    ['a file longer', [file1], () => appendFile(join(folder, file1), 'x'), /not what the manifest says/],
    [
      'the list of files',
      ['files.jsonl'],
      () => flip(join(folder, 'files.jsonl')),
      /not what the manifest says/,
    ],
    [
      'a byte of the manifest',
      ['manifest.json'],
      () => flip(join(folder, 'manifest.json')),
      /manifest .* damaged/,
    ],
    ['a forged manifest', ['manifest.json', 'seal.json'], forge, /changed by somebody/],
    ['no seal', ['seal.json'], () => rm(join(folder, 'seal.json')), /no complete backup/],
  ];
  for (const [what, paths, hurt, sentence] of harm) {
    const whole = await Promise.all(paths.map((path) => readFile(join(folder, path))));
    await hurt();
    await t.rejects(bringBack(platform, folder, { replace: true }), sentence, what);
    for (const [i, path] of paths.entries()) await writeFile(join(folder, path), whole[i]!);
  }
  const foreign = {
    ...platform,
    config: { ...platform.config, AUDIT_KEY: 'a key of quite another installation' },
  };
  await t.rejects(bringBack(foreign, folder, { replace: true }), /another AUDIT_KEY/);
  await t.rejects(bringBack(platform, `${folder}x`, { replace: true }), /There is no backup/);
  t.same(await hashesOf(platform), hashes, 'nothing was touched');
  t.equal(await platform.maintenance.look(), null, 'and nobody was held');
  t.match(await bringBack(foreign, folder, { replace: true, unsealed: true }), { filesPutBack: 0 });
  t.same(await hashesOf(platform), hashes);
});

t.test('nothing is overwritten unasked: data, and what running processes work on', async (t) => {
  const { platform } = await openFilled(t);
  const { folder } = await backUp(platform, await temporaryFolder(t));
  await t.rejects(bringBack(platform, folder), { message: /is not empty \(many\).*--replace/ });

  const until = new Date(Date.now() + 600_000);
  const api = { _id: 'one', role: 'api', host: 'there', pid: 12, quiet: null, until };
  await processesOf(platform.db).insertOne(api as never);
  await t.rejects(bringBack(platform, folder, { replace: true }), {
    message: /Still running: API \(process 12 on there\)/,
  });
  const forced = bringBack(platform, folder, { replace: true, force: true, waitMs: 300 });
  await t.rejects(forced, { message: /Waited .* for API \(process 12/ });
  t.equal(await platform.maintenance.look(), null, 'the hold is gone');
  await processesOf(platform.db).deleteMany({});
  await bringBack(platform, folder, { replace: true });
});

t.test('a restore that was killed keeps everybody out until it is run again', async (t) => {
  const { platform } = await openFilled(t);
  const { folder } = await backUp(platform, await temporaryFolder(t));
  const hashes = await hashesOf(platform);
  const killed = await takeHold(platform.db, {
    kind: 'restore',
    scope: 'everything',
    reason: 'being restored',
    lasting: true,
    leaseMs: 300,
  });
  await platform.maintenance.look();
  await t.rejects(
    platform.maintenance.run('read', async () => 1),
    { code: 'MAINTENANCE' },
  );
  await t.rejects(bringBack(platform, folder, { replace: true }), /restore .* was begun/, 'it may still run');
  await killed.abandon();
  await t.rejects(backUp(platform, await temporaryFolder(t)), /A restore .* has not come to its end/);
  await platform.db.collection('many').deleteMany({});
  const late = async () => {
    for (;;) {
      const done = await bringBack(platform, folder).catch((error: Error) => error);
      if (!(done instanceof Error)) return done;
      if (!/was begun/.test(done.message)) throw done;
    }
  };
  await late();
  t.same(await hashesOf(platform), hashes);
  await platform.maintenance.look();
  t.equal(await platform.maintenance.run('read', async () => 1), 1);
});

t.test(
  'something that writes in spite of the hold is found out; nothing is left of that backup',
  async (t) => {
    const { platform } = await openFilled(t);
    const into = await temporaryFolder(t);
    let lists = 0;
    const files = {
      ...platform.files,
      async *list() {
        lists += 1;
        // The second time is between both readings.
        if (lists === 2) await platform.db.collection<{ _id: number }>('many').insertOne({ _id: -1 });
        yield* platform.files.list();
      },
    };
    const wanted = { name: 'OperationError', message: /does not heed the pause \(many\)/ };
    await t.rejects(backUp({ ...platform, files }, into), wanted);
    t.same(await readdir(into), []);
    t.equal(await platform.maintenance.look(), null);
    t.ok(await backUp(platform, into));
  },
);

t.test('only the newest are kept, and of this database only; torsos go', async (t) => {
  const { platform } = await openFilled(t);
  const into = await temporaryFolder(t);
  const name = platform.db.databaseName;
  const older = ['20200101T000000Z', '20200102T000000Z', '20200103T000000Z'];
  for (const time of older)
    await rename((await backUp(platform, into)).folder, join(into, `${name}-${time}`));
  await rename((await backUp(platform, into)).folder, join(into, 'other-20200101T000000Z'));
  await rename((await backUp(platform, into)).folder, join(into, `${name}-20200104T000000Z-abcdef.partial`));
  const { folder, removed } = await backUp(platform, into, { keep: 2 });
  t.equal(removed.length, 2);
  t.same(
    (await readdir(into)).sort(),
    [`${name}-20200103T000000Z`, folder.slice(into.length + 1), 'other-20200101T000000Z'].sort(),
  );
});

t.test(
  'a file that a record names and the store does not have is told, and does not stop the backup',
  async (t) => {
    const { platform } = await openFilled(t);
    const record = await platform.db.collection<{ fileKey: string }>('uploads').findOne({});
    await platform.files.remove(record!.fileKey);
    const { manifest } = await backUp(platform, await temporaryFolder(t));
    t.match(manifest.files, { count: 2, missing: [record!.fileKey] });
  },
);

t.test('a place that cannot be written, or broken off: one sentence, and nothing is held', async (t) => {
  const { platform, env } = await openFilled(t);
  const inTheWay = join(env.DATA_DIR!, 'in-the-way');
  await writeFile(inTheWay, '');
  await t.rejects(backUp(platform, join(inTheWay, 'x')), {
    name: 'OperationError',
    message: /in the place of a folder/,
  });
  const into = await temporaryFolder(t);
  await t.rejects(backUp(platform, into, { signal: AbortSignal.abort() }), { message: /Broken off/ });
  t.same(await readdir(into), []);
  t.equal(await platform.maintenance.look(), null);
});
