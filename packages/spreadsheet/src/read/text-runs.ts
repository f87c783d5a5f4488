import { failure } from './failure.ts';

/** Collects the text of one `si` or `is` element: its `t`, or the `t` of its runs, without phonetic ones. */
export interface TextRuns {
  begin(): void;
  open(name: string): void;
  text(text: string): void;
  close(name: string): void;
  end(): string;
}

export function createTextRuns(maxText: number): TextRuns {
  let collected = '';
  let inText = false;
  let inPhonetic = false;
  return {
    begin() {
      collected = '';
      inText = false;
      inPhonetic = false;
    },
    open(name) {
      if (name === 't') inText = !inPhonetic;
      else if (name === 'rPh') inPhonetic = true;
    },
    text(text) {
      if (!inText) return;
      collected += text;
      // Escapes shrink sevenfold at most; a text beyond that is too long in any case.
      if (collected.length > maxText * 7) {
        throw failure('WORKBOOK_TOO_LARGE', `a text of more than ${maxText} characters`);
      }
    },
    close(name) {
      if (name === 't') inText = false;
      else if (name === 'rPh') inPhonetic = false;
    },
    end: () => decodeEscapes(collected),
  };
}

/** `_x000D_` → the character it stands for; `_x005F_x000D_` is the text `_x000D_` itself. */
export function decodeEscapes(text: string): string {
  if (!text.includes('_x')) return text;
  return text.replace(/_x([0-9a-f]{4})_/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
