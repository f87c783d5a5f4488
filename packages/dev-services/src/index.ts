export { findMongod, findRedisServer } from './binaries.ts';
export { assertSpace } from './disk.ts';
export { DevServicesError, explainFileFault } from './errors.ts';
export { takeLock } from './lock.ts';
export { mongoAnswers, redisAnswers } from './ping.ts';
export { assertPortFree, freePort } from './ports.ts';
export { isRunning, markProcess, type ProcessMark, stopProcess, thisProcess } from './processes.ts';
export { type RunRecord, readRecord, stopLeftovers, writeRecord } from './record.ts';
export { type Services, type ServicesOptions, startServices } from './services.ts';
