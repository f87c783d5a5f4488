/** What an operator is told: one plain sentence. The work was given up, and nothing half-done counts. */
export class OperationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OperationError';
  }
}

const sentences: Readonly<Record<string, (path: string) => string>> = {
  ENOSPC: (path) => `There is no space left for ${path}.`,
  EDQUOT: (path) => `The quota does not allow ${path} to grow any more.`,
  EACCES: (path) => `${path} may not be read or written by this user.`,
  EPERM: (path) => `${path} may not be read or written by this user.`,
  EROFS: (path) => `${path} is on a disk that can only be read.`,
  ENOTDIR: (path) => `${path} is in the place of a folder.`,
  EFBIG: (path) => `There is no space left for ${path}.`,
  EIO: (path) => `The disk has a fault at ${path}.`,
};

/** A fault of the disk as a sentence; anything else as it is. */
export function explainDisk(error: unknown, path: string): unknown {
  const { code, path: own } = error as NodeJS.ErrnoException;
  const sentence = sentences[code ?? ''];
  return sentence === undefined ? error : new OperationError(sentence(own ?? path));
}
