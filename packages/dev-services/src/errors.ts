/** Something outside the project is missing or in the way; its message is one plain sentence for the user. */
export class DevServicesError extends Error {
  override name = 'DevServicesError';
}

const unwritable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ENOENT', 'EISDIR']);

/** Turns a file-system fault at `path` into a sentence; anything else comes back as it was. */
export function explainFileFault(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(path);
  if (code && unwritable.has(code)) {
    return new DevServicesError(`The directory ${path} cannot be written (${code}).`);
  }
  return error;
}

export function diskFull(path: string, detail?: string): DevServicesError {
  return new DevServicesError(`The disk that holds ${path} is full${detail ? `: ${detail}` : ''}.`);
}
