import { dayInZone, isoDate } from '@backoffice/core';
import type { Platform } from '@backoffice/platform';
import type { IsoDay } from './model.ts';
import { createDbRepository } from './repository/dbs.ts';
import { createImportRepository } from './repository/imports.ts';
import { createRecordRepository } from './repository/records.ts';
import { createSeriesRepository } from './repository/series.ts';

export type PersonnelRepository = ReturnType<typeof createPersonnelRepository>;

/** Collections whose documents carry an outbox. */
export const auditedCollections = ['personnel_records', 'personnel_dbs'];

/** Everything that the module keeps. `dayOf`: the day on which a moment falls in the business time zone. */
export function createPersonnelRepository({
  db,
  clock,
  config,
  reads,
}: Pick<Platform, 'db' | 'clock' | 'config' | 'reads'>) {
  const dayOf = (at: Date): IsoDay => isoDate(dayInZone(at, config.TIME_ZONE));
  return {
    dayOf,
    today: () => dayOf(clock()),
    dbs: createDbRepository(db, clock, reads),
    records: createRecordRepository(db, clock, dayOf),
    series: createSeriesRepository(db, dayOf),
    imports: createImportRepository(db, clock, dayOf),
  };
}
