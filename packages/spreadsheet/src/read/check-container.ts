import { defaultReadLimits, type ReadLimits } from '../limits.ts';
import { openContainer } from './container.ts';
import { createInflation } from './parts.ts';
import { findMainPart } from './workbook-parts.ts';

/**
 * Checks, without parsing any sheet, that a file can be a workbook: format, directory, declared sizes, the
 * workbook part. Fast enough for the request that brings the file. What only shows when the parts are
 * inflated is found by `readWorkbook`.
 *
 * Throws CodedError: NOT_A_WORKBOOK (old .xls, CSV, PDF, another archive), WORKBOOK_ENCRYPTED,
 * WORKBOOK_BROKEN, WORKBOOK_TOO_LARGE, WORKBOOK_UNSAFE.
 */
export async function checkContainer(path: string, limits: Partial<ReadLimits> = {}): Promise<void> {
  const all = { ...defaultReadLimits, ...limits };
  const container = await openContainer(path, all);
  try {
    await findMainPart(container, createInflation(all));
  } finally {
    container.close();
  }
}
