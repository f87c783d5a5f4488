/**
 * Errors that a caller may see. A code is stable and documented; the text may be reworded. Which HTTP
 * status a code becomes is known only to `platform/http/status.ts`.
 */
export const errorCodes = {
  INVALID_REQUEST: 'The request does not fit the documented form.',
  UNAUTHENTICATED: 'Please sign in.',
  INVALID_CREDENTIALS: 'Invalid email or password.',
  FORBIDDEN: 'Your role does not allow this.',
  TOO_MANY_ATTEMPTS: 'Too many wrong passwords. Please wait before the next attempt.',
  WRONG_PASSWORD: 'The current password is not right.',
  WEAK_PASSWORD: 'The password is too easy to guess. Take a longer one, or several unrelated words.',
  EMAIL_TAKEN: 'There is a user with that e-mail already.',
  ALREADY_EXISTS: 'There is one of that name or number already.',
  ARMY_NUMBER_TAKEN: 'There is a user with that army number already.',
  LAST_ADMINISTRATOR: 'This is the last active administrator of a system, and stays one.',
  NOT_FOUND: 'Not found.',
  METHOD_NOT_ALLOWED: 'This address does not take that method.',
  CONFLICT: 'Somebody else changed this in the meantime. Load it again and repeat.',
  STALE: 'Somebody else changed this since you loaded it. Load it again and repeat.',
  IDEMPOTENCY_KEY_REUSED: 'That Idempotency-Key was used for another request. Take a new one.',
  REQUEST_TIMEOUT: 'The request took too long to arrive.',
  TOO_MANY_REQUESTS: 'Too many requests. Please wait a moment and try again.',
  INTERNAL: 'Something went wrong on our side. Please try again, and quote the request id if it stays.',
  MAINTENANCE: 'A backup is being made; nothing can be changed for a moment. Please repeat this shortly.',
  UPLOAD_FILE_REMOVED: 'The file of this upload was removed after the time for which files are kept.',
  NOT_READY: 'The service cannot reach what it needs. Please try again shortly.',
  BODY_TOO_LARGE: 'The request is too large.',
  UNSUPPORTED_MEDIA_TYPE: 'This kind of content is not taken here.',
  FILE_MISSING: 'The field "file" is missing: choose an .xlsx file.',
  FILE_EMPTY: 'The file is empty.',
  UPLOAD_TOO_LARGE: 'The file is larger than 50 MB.',
  UPLOAD_MALFORMED: 'The upload is not a well-formed form with one file.',
  NOT_A_WORKBOOK: 'The file is not an .xlsx workbook. Save it as .xlsx and upload it again.',
  WORKBOOK_BROKEN: 'The workbook is damaged. Open it, save it again as .xlsx and upload that.',
  WORKBOOK_ENCRYPTED: 'The workbook is protected with a password. Save it without one.',
  WORKBOOK_TOO_LARGE: 'The workbook is beyond the documented limits.',
  WORKBOOK_UNSAFE: 'The workbook holds a document type or entities, which are refused.',
  PARSE_TIMEOUT: 'Reading the workbook took too long.',
  PARSE_CRASHED: 'The workbook could not be read within the limits of memory.',
  NO_HEADER_ROW: 'No row with the expected column names was found in the first 50 rows.',
  NO_ROWS: 'There is no data row below the header.',
  ALL_ROWS_REJECTED: 'Every row was rejected; nothing was saved.',
  ROWS_REJECTED: 'Some rows were rejected, and onError=reject_all was asked for; nothing was saved.',
  CONFIRMATION_NEEDED: 'This upload looks like a mistake. Correct it, or confirm it.',
  UPLOAD_STALLED: 'The import was interrupted too often and was given up. Upload the file again.',
  UPLOAD_NOT_UNDOABLE: 'This import cannot be undone.',
  UPLOAD_ALREADY_UNDONE: 'This import was undone already.',
  INVALID_MONTH: 'The month is not one of the financial year.',
  MONTH_NOT_BEGUN: 'That month has not begun; there can be no statement for it.',
  INVOICE_SETTLED: 'The invoice is settled: the newest statement does not list it.',
  ENGINEER_UNKNOWN: 'No engineer of the region answers to that name or id.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** An error with a stable code and facts for the caller. Never put a secret or a database text in it. */
export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message?: string, details?: Record<string, unknown>) {
    super(message ?? errorCodes[code]);
    this.name = 'CodedError';
    this.code = code;
    this.details = details;
  }
}
