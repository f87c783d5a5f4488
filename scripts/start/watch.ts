import { existsSync, watch } from 'node:fs';
import { say } from './progress.ts';

/** Calls `restart` when a source file has changed; several changes at once count as one. */
export function onEdits(restart: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const queue = () => {
    running = running.then(restart).catch((error) => say(`could not restart: ${error.message}`));
  };
  for (const dir of ['apps', 'packages'].filter((name) => existsSync(name))) {
    watch(dir, { recursive: true }, (_event, file) => {
      if (!file || !/\.ts$/.test(file) || /(^|\/)(node_modules|test)\//.test(file)) return;
      clearTimeout(timer);
      timer = setTimeout(queue, 200);
    });
  }
}
