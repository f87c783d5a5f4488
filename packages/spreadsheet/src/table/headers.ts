import type { Cell } from '../cells.ts';

/** What a header means. Of several columns of one meaning those of the lowest rank count. */
export interface Meaning<N extends string> {
  name: N;
  rank: number;
}

export interface HeaderCell {
  /** 0-based column. */
  index: number;
  /** The header as written, spaces tidied. */
  header: string;
}

export interface Column<N extends string> extends HeaderCell {
  name: N;
  /** Further columns of the same meaning: a row in which they differ is refused. */
  twins: HeaderCell[];
}

export interface Header<N extends string> {
  /** From left to right. */
  columns: Column<N>[];
  byName: Partial<Record<N, Column<N>>>;
}

/** A row that knows some of the columns but is no header: the best guess of what went wrong. */
export interface NearHeader<N extends string> {
  found: string[];
  missing: N[];
}

/**
 * What a column may mean, with the headers that say so, as `normalHeader` gives them. A header of a later list
 * counts only where the earlier ones give no column, so that a friendly alias never competes with a known header.
 */
export type HeaderLists<N extends string> = Readonly<Record<N, readonly (readonly string[])[]>>;

/** A header's text as it is compared: without case, spaces of every kind, invisible marks, dots, underscores. */
export function normalHeader(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Cf}\p{Cc}._]/gu, '');
}

/** The meaning of a header by its text. */
export function meaningsOf<N extends string>(
  lists: HeaderLists<N>,
): (header: string) => Meaning<N> | undefined {
  const names = Object.keys(lists) as N[];
  const byHeader = new Map(
    names.flatMap((name) =>
      lists[name].flatMap((headers, rank) =>
        headers.map((header): [string, Meaning<N>] => [header, { name, rank }]),
      ),
    ),
  );
  return (header) => byHeader.get(normalHeader(header));
}

export interface HeaderRules<N extends string, M extends Meaning<N>> {
  names: readonly N[];
  /** Without these a row is no header. */
  required: readonly N[];
  meaningOf: (header: string) => M | undefined;
  /** Of several columns of one meaning and rank, those that count; left out: all. The first is read, the others are its twins. */
  choose?: (name: N, columns: readonly (HeaderCell & M)[]) => readonly (HeaderCell & M)[];
}

/**
 * Reads a row as a header. Gives what is missing where the row knows two columns or more, null where it has
 * nothing of a header.
 */
export function readHeaderRow<N extends string, M extends Meaning<N>>(
  cells: readonly (Cell | undefined)[],
  { names, required, meaningOf, choose = (_name, columns) => columns }: HeaderRules<N, M>,
): Header<N> | NearHeader<N> | null {
  const found: (HeaderCell & M)[] = [];
  cells.forEach((cell, index) => {
    if (cell?.kind !== 'text' || cell.text.length > 200) return;
    const meaning = meaningOf(cell.text);
    if (meaning) found.push({ index, header: cell.text.replace(/\s+/g, ' ').trim(), ...meaning });
  });
  const missing = required.filter((name) => !found.some((cell) => cell.name === name));
  if (missing.length > 0) {
    return found.length < 2 ? null : { found: found.map((cell) => cell.header), missing };
  }
  const byName: Header<N>['byName'] = {};
  for (const name of names) {
    const all = found.filter((cell) => cell.name === name);
    const rank = Math.min(...all.map((cell) => cell.rank));
    const best = all.filter((cell) => cell.rank === rank);
    const [main, ...twins] = choose(name, best).map(({ index, header }) => ({ index, header }));
    if (main) byName[name] = { ...main, name, twins };
  }
  const columns = (Object.values(byName) as Column<N>[]).sort((a, b) => a.index - b.index);
  return { columns, byName };
}

export function isHeader<N extends string, H extends Header<N>>(read: H | NearHeader<N> | null): read is H {
  return read !== null && 'columns' in read;
}
