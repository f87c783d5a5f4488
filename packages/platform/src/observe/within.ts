const limitMs = 1_000;

/** Rejects when the work takes longer than a second: whoever asks how it goes asks often and will not wait. */
export async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), limitMs);
  });
  // Who loses the race may still fail later; that must not end the process.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
