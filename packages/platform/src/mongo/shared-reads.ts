import type { Db, Document } from 'mongodb';
import { together } from '../together.ts';

/** Some documents of a collection, in no order. Few, and small: everybody who asks in that moment waits for them. */
export interface SmallRead {
  from: string;
  match: Document;
  project: Document;
}

interface Question {
  read: () => SmallRead;
  /** From now on who asks is too late for this round. */
  begun: () => void;
}

export type SharedReads = ReturnType<typeof createSharedReads>;

/**
 * What requests ask for again and again, of whichever collection: all that is asked for in one moment goes to the
 * database as one command, and who asks for the same shares the answer. A command costs more than what it reads.
 */
export function createSharedReads(db: Db) {
  /** What the next round reads. */
  let asked: Question[] = [];
  const round = together(() => {
    const questions = asked;
    asked = [];
    for (const { begun } of questions) begun();
    return readAll(
      db,
      questions.map(({ read }) => read()),
    );
  });

  /** Gives what `shape` makes of the documents, made once for all who share them. */
  function share<D extends Document, T>(
    read: () => SmallRead,
    shape: (found: D[]) => T | Promise<T>,
  ): () => Promise<T> {
    let next: Promise<T> | undefined;

    async function ask(): Promise<T> {
      const begun = () => {
        next = undefined;
      };
      const places = asked.push({ read, begun });
      const found = await round();
      return shape(found[places - 1] as D[]);
    }

    return () => {
      // One more who asks, for what is asked for already.
      if (next !== undefined) void round();
      next ??= ask();
      return next;
    };
  }

  /** One document for each asker, by its key; null where there is none. `read` is given every key once. */
  function byKey<D extends Document>(
    read: (keys: readonly string[]) => SmallRead,
    keyOf: (found: D) => string,
  ): (key: string) => Promise<D | null> {
    let keys = new Set<string>();
    const readKeys = share(
      () => {
        const wanted = [...keys];
        keys = new Set();
        return read(wanted);
      },
      (found: D[]) => new Map(found.map((each) => [keyOf(each), each])),
    );
    return async (key) => {
      keys.add(key);
      return (await readKeys()).get(key) ?? null;
    };
  }

  return { share, byKey };
}

/** The documents of each read, by one command. */
async function readAll(db: Db, reads: readonly SmallRead[]): Promise<Document[][]> {
  const [first, ...others] = reads;
  if (first === undefined) return [];
  const { from, match, project } = first;
  if (others.length === 0) return [await db.collection(from).find(match, { projection: project }).toArray()];
  const pipeline = [
    ...stagesOf(first, 0),
    ...others.map((read, index) => ({
      $unionWith: { coll: read.from, pipeline: stagesOf(read, index + 1) },
    })),
  ];
  const found: Document[][] = reads.map(() => []);
  const labelled = db.collection(from).aggregate<{ place: number; document: Document }>(pipeline);
  for (const { place, document } of await labelled.toArray()) found[place]!.push(document);
  return found;
}

/** Each document goes with the place of its read. */
function stagesOf({ match, project }: SmallRead, place: number): Document[] {
  return [
    { $match: match },
    { $project: project },
    { $replaceWith: { place: { $literal: place }, document: '$$ROOT' } },
  ];
}
