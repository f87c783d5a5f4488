import { parentPort } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common';
import { dictionary as english } from '@zxcvbn-ts/language-en';

export interface StrengthQuestion {
  id: number;
  password: string;
  /** What others know of the owner, in small letters. */
  words: string[];
}

export interface StrengthAnswer {
  id: number;
  guessesLog10: number;
}

const estimator = new ZxcvbnFactory({ dictionary: { ...common, ...english }, graphs: adjacencyGraphs });

parentPort?.on('message', ({ id, password, words }: StrengthQuestion) => {
  const { guessesLog10 } = estimator.check(password, words);
  parentPort?.postMessage({ id, guessesLog10 } satisfies StrengthAnswer);
});
