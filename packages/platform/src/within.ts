/**
 * The result of the work, unless it takes longer than `ms` milliseconds: then it rejects, and the work goes on
 * unheard. An answer that came in time while this process was too busy to read it counts.
 */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      // What has arrived is read in the turn of the event loop that ends here.
      setImmediate(() => reject(new Error(`no answer within ${ms} ms`)));
    }, ms);
  });
  // Who loses the race may still fail later; that must not end the process.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
