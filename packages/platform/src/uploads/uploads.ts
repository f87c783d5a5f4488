import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@backoffice/core';
import type { FastifyRequest } from 'fastify';
import { ObjectId } from 'mongodb';
import type { Member } from '../auth/member.ts';
import type { Platform } from '../data.ts';
import { assertSameRequest, type Idempotency, isKeyTaken } from '../http/idempotency.ts';
import type { SystemName } from '../http/module.ts';
import { currentTraceparent } from '../observe/span.ts';
import { submitEntry, undoRequestEntry } from './entries.ts';
import { hasEnded, type RowError, type UndoState, type UploadDocument, type UploadScope } from './model.ts';
import { importJobId, undoJobId, uploadPayloads } from './payloads.ts';
import { type ReceivedFile, receiveFile } from './receive.ts';
import { createUploadRepository, type RecentFailure } from './repository.ts';

export interface NewUpload<P> {
  kind: string;
  system: SystemName;
  received: ReceivedFile;
  params: P;
  /** `dedupeKeyOf(kind, sha256, params)`, without what does not make another import of it. */
  dedupeKey: string;
  dryRun: boolean;
  onError: UploadDocument['onError'];
  by: Member;
  requestId: string;
}

export interface Uploads {
  /**
   * See `receiveFile`. What was received must then be submitted or discarded. NOT_READY when too many files
   * are coming in already.
   */
  receive: (request: FastifyRequest) => Promise<ReceivedFile>;
  /** Leaves nothing of a received file; after a refusal of the fields, or when the import exists already. */
  discard: (received: ReceivedFile) => Promise<void>;
  /**
   * Keeps the file, writes the record, enqueues the import. NOT_READY within two seconds when Redis is
   * away: then file and record are kept, and the import runs when Redis is back.
   *
   * A key that was used before gives that upload again, keeps nothing of the file, and says `replayed`;
   * IDEMPOTENCY_KEY_REUSED when it came with another file or other fields.
   */
  submit: <P>(upload: NewUpload<P>) => Promise<{ upload: UploadDocument; replayed: boolean }>;
  /** The record as soon as its import has ended, but after `ms` in any case. */
  waitFor: (id: ObjectId, ms: number) => Promise<UploadDocument>;
  /**
   * Asks for the undo of an import of that system and enqueues it. NOT_FOUND; UPLOAD_ALREADY_UNDONE when it
   * was asked for before, also while it runs; UPLOAD_NOT_UNDOABLE for a failed or unfinished import, a dry
   * run and a repetition; NOT_READY as in `submit`.
   */
  requestUndo: (
    system: SystemName,
    id: string,
    by: Member,
    requestId: string,
    scope?: UploadScope | null,
  ) => Promise<UploadDocument>;
  waitForUndo: (id: ObjectId, ms: number) => Promise<UploadDocument>;
  /** NOT_FOUND when that system has no such upload, or none within the scope. */
  get: (system: SystemName, id: string, scope?: UploadScope | null) => Promise<UploadDocument>;
  /** Newest first; `page` from 1. `total` counts those within the scope only. */
  list: (
    system: SystemName,
    page: { page: number; limit: number },
    scope?: UploadScope | null,
  ) => Promise<{ uploads: UploadDocument[]; total: number }>;
  /** Real uploads with that key that did not fail, newest first: ended ones and those under way. */
  listSame: (system: SystemName, dedupeKey: string) => Promise<UploadDocument[]>;
  /** A failed upload of the same file by the same user within that time. */
  findRecentFailure: (query: RecentFailure) => Promise<UploadDocument | null>;
  /** Every row error, in order of the rows. */
  errorsOf: (upload: UploadDocument) => AsyncIterable<RowError>;
}

/** A wait asks often at first: most files are small, and their result comes within a moment. */
const firstPollMs = 20;
const longestPollMs = 250;
/**
 * How many files one process takes in at the same time. More would only take longer, each of them, until
 * somebody on the way loses patience.
 */
const mostReceived = 100;
const tooManyAtOnce = 'Too many uploads at once. Please try again shortly.';
/** How many requests of one process wait for a result at the same time. */
const mostWaits = 50;

export function createUploads(platform: Omit<Platform, 'uploads'>): Uploads {
  const { clock, files, jobs, maintenance } = platform;
  const records = createUploadRepository(platform.db, clock);

  let receiving = 0;
  let waits = 0;

  /** In a burst the later ones do not wait: they are told where to ask, which costs less. */
  async function waitUntil(
    id: ObjectId,
    ms: number,
    ended: (upload: UploadDocument) => boolean,
  ): Promise<UploadDocument> {
    if (waits >= mostWaits) return pollUntil(id, 0, ended);
    waits += 1;
    try {
      return await pollUntil(id, ms, ended);
    } finally {
      waits -= 1;
    }
  }

  async function pollUntil(
    id: ObjectId,
    ms: number,
    ended: (upload: UploadDocument) => boolean,
  ): Promise<UploadDocument> {
    const until = performance.now() + ms;
    for (let pause = firstPollMs; ; pause = Math.min(pause * 1.5, longestPollMs)) {
      const upload = await records.findById(id);
      if (upload === null) throw new CodedError('NOT_FOUND');
      const left = until - performance.now();
      // While a backup is made no job begins: the caller is told to ask again rather than kept waiting.
      if (ended(upload) || left <= 0 || maintenance.seenOn('job') !== null) return upload;
      await delay(Math.min(pause, left));
    }
  }

  async function get(
    system: SystemName,
    id: string,
    scope: UploadScope | null = null,
  ): Promise<UploadDocument> {
    const upload = await records.find(system, id, scope);
    if (upload === null) throw new CodedError('NOT_FOUND');
    return upload;
  }

  /** The upload that the same request created earlier. */
  async function findReplayed(idempotency: Idempotency | null): Promise<UploadDocument | null> {
    if (idempotency === null) return null;
    const stored = await records.findByIdempotencyKey(idempotency.key);
    if (stored !== null) assertSameRequest(stored.idempotency, idempotency);
    return stored;
  }

  return {
    async receive(request) {
      if (receiving >= mostReceived) throw new CodedError('NOT_READY', tooManyAtOnce);
      receiving += 1;
      try {
        return await receiveFile(files, request);
      } finally {
        receiving -= 1;
      }
    },
    discard: ({ staged }) => staged.discard(),

    async submit(input) {
      const { received, by, ...rest } = input;
      const { staged, fields: _fields, idempotency, ...file } = received;
      const earlier = await findReplayed(idempotency).catch(async (error) => {
        await staged.discard();
        throw error;
      });
      if (earlier !== null) {
        await staged.discard();
        return { upload: earlier, replayed: true };
      }
      const fileKey = await staged.commit();
      const record = {
        ...newRecord(),
        ...rest,
        ...file,
        fileKey,
        ...traced(),
        createdBy: { userId: by.userId, name: by.name },
        createdAt: clock(),
        ...(idempotency === null ? {} : { idempotency }),
      };
      const upload = { ...record, outbox: record.dryRun ? [] : [submitEntry(record)] };
      try {
        await records.insert(upload);
      } catch (error) {
        await files.remove(fileKey);
        // Two requests with one key at the same moment: the index lets one in.
        const first = isKeyTaken(error) ? await findReplayed(idempotency) : null;
        if (first === null) throw error;
        return { upload: first, replayed: true };
      }
      const uploadId = upload._id.toHexString();
      const payload = { uploadId, requestId: upload.requestId };
      await jobs.of(upload.system, uploadPayloads).add('upload.import', payload, importJobId(uploadId));
      return { upload, replayed: false };
    },

    waitFor: (id, ms) => waitUntil(id, ms, hasEnded),
    waitForUndo: (id, ms) => waitUntil(id, ms, (upload) => upload.undo?.state !== 'queued'),

    async requestUndo(system, id, by, requestId, scope = null) {
      const upload = await get(system, id, scope);
      const undo: UndoState = {
        state: 'queued',
        by: { userId: by.userId, name: by.name },
        requestId,
        ...traced(),
        requestedAt: clock(),
        finishedAt: null,
        attempts: 0,
        error: null,
        details: {},
      };
      const asked = await records.requestUndo(upload._id, undo, undoRequestEntry(upload, undo));
      if (asked === null) {
        const state = (await get(system, id)).undo?.state;
        throw new CodedError(
          state === 'done' || state === 'queued' ? 'UPLOAD_ALREADY_UNDONE' : 'UPLOAD_NOT_UNDOABLE',
        );
      }
      const uploadId = asked._id.toHexString();
      await jobs.of(system, uploadPayloads).add('upload.undo', { uploadId, requestId }, undoJobId(uploadId));
      return asked;
    },

    get,
    list: records.list,
    listSame: records.listSame,
    findRecentFailure: records.findRecentFailure,
    errorsOf: records.listErrors,
  };
}

function traced(): { traceparent?: string } {
  const traceparent = currentTraceparent();
  return traceparent === undefined ? {} : { traceparent };
}

/** What every upload begins with. */
function newRecord() {
  return {
    _id: new ObjectId(),
    status: 'queued' as const,
    progress: 0,
    startedAt: null,
    finishedAt: null,
    attempts: 0,
    lease: null,
    counts: null,
    warnings: [],
    errors: [],
    errorCount: 0,
    error: null,
    duplicateOf: null,
    message: null,
    undo: null,
    details: {},
  };
}
