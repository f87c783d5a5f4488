import { Type } from '@sinclair/typebox';

const OneUpload = Type.Object({
  uploadId: Type.String({ pattern: '^[0-9a-f]{24}$' }),
  /** Follows into the job's log. */
  requestId: Type.String(),
});

/** The jobs that every system with uploads has. */
export const uploadPayloads = {
  'upload.import': OneUpload,
  'upload.undo': OneUpload,
  'upload.sweep': Type.Object({}),
  'upload.housekeeping': Type.Object({}),
};

export function importJobId(uploadId: string): string {
  return `import-${uploadId}`;
}

export function undoJobId(uploadId: string): string {
  return `undo-${uploadId}`;
}
