import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";

/** Writes frames into the record and tells whether it can. */
export type FrameWriter = Pick<ComponentRecorder, "write" | "healthy">;

/** Keeps blobs by their content. */
export type BlobWriter = {
  /** Stores bytes for a namespace and answers their digest, `sha256:` and 64 hex digits. */
  put(namespace: string, bytes: Uint8Array): Promise<string>;
};
