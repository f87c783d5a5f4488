import { readFile } from 'node:fs/promises';
import type { ReadStream, WriteStream } from 'node:tty';

interface Terminal {
  input: ReadStream;
  output: WriteStream;
}

/**
 * A new password: from that file, from standard input (`-`), or (null) asked for at the terminal, twice and
 * without showing it. One line break at the end of a file is none of the password.
 */
export async function readNewPassword(
  file: string | null,
  signal: AbortSignal,
  terminal: Terminal = { input: process.stdin, output: process.stderr },
): Promise<string> {
  if (file !== null) return fromFile(file, terminal.input);
  if (!terminal.input.isTTY) {
    throw new Error(
      'There is no terminal to ask for the password; give --password-file <path>, or - for standard input.',
    );
  }
  // Before the first prompt, and until the last answer: who types fast must not see it either.
  terminal.input.setRawMode(true);
  try {
    const password = await ask(terminal, 'Password: ', signal);
    if ((await ask(terminal, 'Once more: ', signal)) !== password) {
      throw new Error('The two passwords differ; nothing was done.');
    }
    return password;
  } finally {
    // Or the terminal would stay without an echo after the command.
    terminal.input.setRawMode(false);
  }
}

async function fromFile(file: string, input: NodeJS.ReadableStream): Promise<string> {
  let text: string;
  try {
    text = file === '-' ? await readAll(input) : await readFile(file, 'utf8');
  } catch {
    throw new Error('The file with the password cannot be read.');
  }
  const password = text.replace(/\r?\n$/, '');
  if (password === '' || /[\r\n]/.test(password)) {
    throw new Error('The file must hold one line: the password.');
  }
  return password;
}

async function readAll(input: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  input.setEncoding('utf8');
  for await (const chunk of input) text += chunk;
  return text;
}

/** One line, typed without an echo. Backspace takes back a character, Ctrl-U all, Ctrl-C and Ctrl-D give up. */
function ask({ input, output }: Terminal, prompt: string, signal: AbortSignal): Promise<string> {
  output.write(prompt);
  input.setEncoding('utf8').resume();
  return new Promise<string>((resolve, reject) => {
    const typed: string[] = [];

    function end(finish: () => void): void {
      input.off('data', take);
      signal.removeEventListener('abort', giveUp);
      input.pause();
      output.write('\n');
      finish();
    }
    const giveUp = () => end(() => reject(new Error('Broken off; nothing was done.')));

    function take(text: string): void {
      const characters = [...text];
      for (const [place, character] of characters.entries()) {
        if (character === '\r' || character === '\n') {
          // Whoever pastes both lines at once means the second for the next question.
          const rest = characters.slice(place + 1).join('');
          end(() => resolve(typed.join('')));
          if (rest !== '') input.unshift(rest);
          return;
        }
        if (character === '\u0003' || character === '\u0004') {
          giveUp();
          return;
        }
        if (character === '\u007f' || character === '\b') typed.pop();
        else if (character === '\u0015') typed.length = 0;
        else if (character >= ' ') typed.push(character);
      }
    }

    input.on('data', take);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
