import { type DayNumber, dayInZone, lastDayOf, type Month, monthOfDay, type Paise } from '@backoffice/core';
import type { Ageing, Department, InvoiceStatus, Pair, Region, Remark, Scope } from '../../src/model.ts';
import { keyOf, regionCodes } from '../../src/model.ts';

/** What a statement speaks for within a region: a department, or (null) the whole of it. */
export type Slot = Department | null;
/** The whole region comes first: an amount that fits nowhere better is best placed where every filter sees it. */
export const slots: readonly Slot[] = [null, 'Batching Plant', 'Pump'];

/** One line of a statement, fixed for good when it was imported. */
export interface Line {
  /** Month and running number of the statement that holds the line. */
  month: Month;
  seq: number;
  region: Region;
  slot: Slot;
  row: number;
  code: string;
  name: string;
  number: string | null;
  outstanding: Paise;
  invoiceAmount: Paise;
  ageing: Ageing;
  /** The status cell, null where it was blank. */
  status: InvoiceStatus | null;
  /** Copied from an earlier statement because its row was rejected in this one (decision 5). */
  kept: boolean;
}

export interface Counts {
  read: number;
  inserted: number;
  updated: number;
  unchanged: number;
  duplicates: number;
  rejected: number;
}

export interface ImportEvent {
  uploadId: string;
  seq: number;
  month: Month;
  /** File, month, department and options: what makes an upload the same upload (decision 24). */
  sameFileKey: string;
  pairs: Pair[];
  lines: Line[];
  counts: Counts;
  undone: boolean;
  /** What this import removes besides its own, because it replaced an import that was undone later (see `undo`). */
  takenOver: Pair[];
}

export interface Mark {
  seq: number;
  /** The calendar month in which it was set. */
  month: Month;
  code: string;
  number: string;
  status: InvoiceStatus;
}

/** Something said about a customer, by a user (uploadId null) or by a filled cell of an import. */
export interface Said<T> {
  seq: number;
  /** The calendar month in which it was said. */
  month: Month;
  code: string;
  value: T;
  uploadId: string | null;
}

export interface Engineer {
  id: string;
  name: string;
  region: Region;
}

/** A plain list of what happened. Every answer is worked out from it from the beginning. */
export interface World {
  now: () => Date;
  zone: string;
  engineers: readonly Engineer[];
  seq: number;
  imports: ImportEvent[];
  marks: Mark[];
  assignments: Said<string | null>[];
  remarks: Said<Remark>[];
  notes: Said<string>[];
}

export function nextSeq(world: World): number {
  world.seq += 1;
  return world.seq;
}

/** The calendar month of a moment in the business zone. */
export function monthOf(world: World, at: Date): Month {
  return monthOfDay(dayInZone(at, world.zone));
}

/** Decision 10: the last day of a past month, today in the running one. */
export function asOfDay(world: World, month: Month): DayNumber {
  const now = world.now();
  return month < monthOf(world, now) ? lastDayOf(month) : dayInZone(now, world.zone);
}

/** Decision 7: figures exist for months that have begun. */
export function hasBegun(world: World, month: Month): boolean {
  return month <= monthOf(world, world.now());
}

export function sameCode(a: string, b: string): boolean {
  return keyOf(a) === keyOf(b);
}

export function sameNumber(a: string | null, b: string | null): boolean {
  return a === null || b === null ? a === b : keyOf(a) === keyOf(b);
}

/** Decision 1: data without a department matches every department. */
export function slotMatches(slot: Slot, department: Department | null): boolean {
  return department === null || slot === null || slot === department;
}

/** Decision 27: the regions of a question, in the fixed order of the codes. */
export function regionsIn(region: Region | null, scope: Scope): Region[] {
  return regionCodes.filter(
    (code) =>
      (region === null || code === region) && (scope.regions === null || scope.regions.includes(code)),
  );
}

/** What was said and still counts: a cell's word goes with the undo of its import. */
export function standingWords<T>(world: World, said: Said<T>[], code: string): Said<T>[] {
  return said.filter(
    (word) =>
      sameCode(word.code, code) &&
      !world.imports.some((imported) => imported.uploadId === word.uploadId && imported.undone),
  );
}

/** The last word on a customer, or undefined. */
export function lastWord<T>(world: World, said: Said<T>[], code: string): T | undefined {
  return standingWords(world, said, code).at(-1)?.value;
}
