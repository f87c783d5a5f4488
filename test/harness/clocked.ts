import { once } from 'node:events';
import type { Test } from 'tap';
import { type RunningProcess, startProcess } from './processes.ts';

/** API and worker with a clock that the test moves. */
export function clockedProcesses(start: string) {
  let all: RunningProcess[] = [];

  return {
    async processes(t: Test, env: NodeJS.ProcessEnv) {
      const own = { ...env, CONTRACT_CLOCK: start };
      const [api, worker] = await Promise.all([
        startProcess(t, 'test/harness/clocked-process.ts', own, 'listening', ['api']),
        startProcess(t, 'test/harness/clocked-process.ts', own, 'working', ['worker']),
      ]);
      all = [api, worker];
      return { api, worker };
    },

    /** Sets the clock of both; done when both have said so. */
    async setClock(at: Date): Promise<void> {
      await Promise.all(
        all.map(async ({ child }) => {
          const answered = once(child, 'message');
          child.send({ at: at.toISOString() });
          await answered;
        }),
      );
    },
  };
}
