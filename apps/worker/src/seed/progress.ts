const cells = 24;

/** Where progress is shown; a terminal when `isTTY`. */
export interface ProgressOutput {
  isTTY?: boolean;
  write: (text: string) => unknown;
}

/**
 * A bar that stays on its line in a terminal. Elsewhere (a log, a pipe) plain lines, at most about five for
 * a step, so that a log stays readable.
 */
export function createProgress(output: ProgressOutput) {
  let open = false;

  function endLine(): void {
    if (open) output.write('\n');
    open = false;
  }

  return {
    progress(step: string, done: number, total: number, detail = ''): void {
      const count = `${String(done).padStart(String(total).length)}/${total}`;
      if (output.isTTY) {
        const filled = total === 0 ? cells : Math.floor((done * cells) / total);
        const bar = `${'█'.repeat(filled)}${'░'.repeat(cells - filled)}`;
        output.write(`\r\u001b[K  ${step.padEnd(12)} ${bar} ${count} ${detail}`);
        open = true;
        if (done >= total) endLine();
        return;
      }
      const part = Math.max(1, Math.ceil(total / 5));
      if (done === total || (done > 0 && done % part === 0)) {
        output.write(`  ${step.padEnd(12)} ${count} ${detail}`.trimEnd().concat('\n'));
      }
    },
    say(text: string): void {
      endLine();
      output.write(`  ${text}\n`);
    },
    endLine,
  };
}
