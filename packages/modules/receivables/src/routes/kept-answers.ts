import { contentTag } from '@backoffice/platform';
import type { EngineerName } from '../figures.ts';
import type { Ledger } from '../rollups/ledger.ts';

/** What an answer was made from, besides the question. */
export interface Basis {
  /** The same object as long as the ledger has not moved; see `findLedger`. */
  ledger: Ledger;
  /** Everybody whose name or region shows in the answer: the same list while none of them has changed. */
  engineers: readonly EngineerName[];
}

/** An answer as it goes out. */
export interface KeptAnswer {
  body: Buffer;
  /** Its entity tag. */
  tag: string;
}

/** Some 10 KB each. */
const mostKept = 500;

/**
 * Answers that are given again while nothing has changed from which they were made. That is asked of the
 * database for every request; only the making is spared.
 */
export function createKeptAnswers() {
  const answers = new Map<string, Basis & KeptAnswer>();

  return {
    find(question: string, basis: Basis): KeptAnswer | null {
      const found = answers.get(question);
      return found?.ledger === basis.ledger && found.engineers === basis.engineers ? found : null;
    },

    keep(question: string, basis: Basis, answer: unknown): KeptAnswer {
      const body = Buffer.from(JSON.stringify(answer));
      const made = { ...basis, body, tag: contentTag(body) };
      // What was asked for first goes first.
      answers.delete(question);
      answers.set(question, made);
      if (answers.size > mostKept) answers.delete(answers.keys().next().value!);
      return made;
    },
  };
}
