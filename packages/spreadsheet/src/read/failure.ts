import { CodedError, type ErrorCode, errorCodes } from '@backoffice/core';

/** A coded error whose message is the code's own sentence followed by what was found. */
export function failure(code: ErrorCode, what: string, details?: Record<string, unknown>): CodedError {
  return new CodedError(code, `${errorCodes[code]} (${what})`, details);
}

/** True for what the operating system reports (file gone, disk error): that is ours, not the workbook's. */
export function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
