import { statfsSync } from 'node:fs';
import { diskFull } from './errors.ts';

const megabyte = 1024 * 1024;

function freeMegabytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return Math.floor((bavail * bsize) / megabyte);
}

/** Says before anything is half-written that it will not fit. */
export function assertSpace(path: string, neededMegabytes: number): void {
  const free = freeMegabytes(path);
  if (free < neededMegabytes) throw diskFull(path, `${neededMegabytes} MB are needed, ${free} MB are free`);
}

/** Whether the disk is as good as full: a server that ended there could not even say so in its log. */
export function isFull(path: string): boolean {
  try {
    return freeMegabytes(path) < 4;
  } catch {
    // It is gone, with the disk or without.
    return false;
  }
}
