import { Worker } from 'node:worker_threads';
import { CodedError } from '@backoffice/core';
import type { StrengthAnswer, StrengthQuestion } from './password-strength-thread.ts';

/** Below this a password is refused however it is made up. */
export const minimumPasswordLength = 10;

// A thousand million guesses: beyond what anybody tries on an account that backs off, and out of comfort for who
// has stolen the hashes.
const minimumGuessesLog10 = 9;
// Some inputs take the library most of a second, and longer the longer they are. What is strong up to here is
// strong altogether.
const checkedLength = 32;
const limitMs = 10_000;

export interface PasswordStrength {
  /**
   * WEAK_PASSWORD for one that is short, common, or made of what is easily known. `about`: the name, the e-mail
   * and whatever else others know of its owner.
   */
  assertStrong: (password: string, about: readonly string[]) => Promise<void>;
  close: () => Promise<void>;
}

/** Checks of new passwords, in a thread of its own that starts with the first one. */
export function createPasswordStrength(): PasswordStrength {
  let thread: Worker | undefined;
  let nextId = 1;
  const waiting = new Map<number, { answer: (answer: StrengthAnswer) => void; ended: () => void }>();

  function start(): Worker {
    const started = new Worker(threadCode(), {
      eval: true,
      // None of the process' own: the loader's would wait for each other.
      execArgv: [],
      // It needs no setting and gets no secret.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    });
    started.unref();
    started.on('message', (answer: StrengthAnswer) => waiting.get(answer.id)?.answer(answer));
    // The end follows, and says enough to who waits.
    started.on('error', () => undefined);
    started.on('exit', () => {
      if (thread === started) thread = undefined;
      for (const { ended } of waiting.values()) ended();
    });
    return started;
  }

  async function guessesLog10(password: string, about: readonly string[]): Promise<number> {
    thread ??= start();
    const asked = thread;
    const id = nextId++;
    const checked = [...password].slice(0, checkedLength).join('');
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<number>((resolve, reject) => {
        const ended = () => reject(new Error('The thread that checks passwords has ended.'));
        waiting.set(id, { answer: (answer) => resolve(answer.guessesLog10), ended });
        timer = setTimeout(() => reject(new Error('The check of a password took too long.')), limitMs);
        asked.postMessage({ id, password: checked, words: wordsOf(about) } satisfies StrengthQuestion);
      });
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  }

  return {
    async assertStrong(password, about) {
      if ([...password].length < minimumPasswordLength) {
        throw new CodedError(
          'WEAK_PASSWORD',
          `The password is shorter than ${minimumPasswordLength} characters.`,
        );
      }
      if ((await guessesLog10(password, about)) < minimumGuessesLog10) throw new CodedError('WEAK_PASSWORD');
    },
    async close() {
      await thread?.terminate();
    },
  };
}

/** The words that others know of the owner: whole, in parts, and run together as in `AshaRao`. */
function wordsOf(about: readonly string[]): string[] {
  const texts = about.map((text) => text.toLowerCase()).filter((text) => text !== '');
  const parts = texts.map((text) => text.split(/[^\p{L}\p{M}\p{N}]+/u));
  const words = [...texts, ...parts.map((each) => each.join('')), ...parts.flat()];
  return [...new Set(words.filter((word) => word.length > 2))].slice(0, 50);
}

/** Newer Node reads TypeScript by itself; else the loader is registered anew, which no thread inherits. */
function threadCode(): string {
  const entry = `import(${JSON.stringify(new URL('./password-strength-thread.ts', import.meta.url).href)})`;
  if ((process.features as { typescript?: unknown }).typescript) return entry;
  return `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => { register(); return ${entry}; })`;
}
