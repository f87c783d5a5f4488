/** Something the uploader should know; nothing was refused for it. */
export interface Warning {
  code: string;
  message: string;
  /** How many rows, customers or cells it is about. */
  count?: number;
  details?: Record<string, unknown>;
}

/** More of those that are kept each, nobody reads. */
const MAX_SINGLE = 100;

export interface WarningList {
  add(warning: Warning): void;
  list(): Warning[];
}

/**
 * Collects warnings. Those with a count are one for each code: counts add up and the first message stands,
 * so that ten thousand alike stay one line and take no memory. Those without a count are kept each.
 */
export function createWarningList(): WarningList {
  const single: Warning[] = [];
  const counted = new Map<string, { first: Warning; count: number; times: number }>();
  return {
    add(warning) {
      if (warning.count === undefined) {
        if (single.length < MAX_SINGLE) single.push(warning);
        return;
      }
      const known = counted.get(warning.code);
      if (known) {
        known.count += warning.count;
        known.times += 1;
      } else counted.set(warning.code, { first: warning, count: warning.count, times: 1 });
    },
    list() {
      const merged = [...counted.values()].map(({ first, count, times }) =>
        times === 1
          ? first
          : { ...first, count, message: `${first.message} (And ${times - 1} more like this.)` },
      );
      return [...single, ...merged];
    },
  };
}

/** The same for a list at hand. */
export function mergeWarnings(warnings: Iterable<Warning>): Warning[] {
  const list = createWarningList();
  for (const warning of warnings) list.add(warning);
  return list.list();
}
