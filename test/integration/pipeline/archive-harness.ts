import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { createObjectClient, type ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { readArchive } from "#pipeline/archive-reader/read-archive.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startS3, type S3Server } from "#platform/stores/s3.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** An S3 server with an archive in one of its buckets. */
export type TestArchive = {
  readonly server: S3Server;
  readonly bucket: string;
  readonly client: ObjectClient;
  sink(): Sink;
  /** Every frame as a reader sees it. */
  frames(): Promise<StoredFrame[]>;
  /** Names of the objects below a prefix. */
  keys(prefix: string): Promise<string[]>;
  /** Removes every object. */
  clear(): Promise<void>;
  /** Takes the bucket away under whoever writes to it. */
  loseBucket(): Promise<void>;
};

const bucket = "enchanted";

/** Starts an S3 server. */
export const startTestArchive = async (cleanup: Cleanup): Promise<TestArchive> => {
  const dir = await temporaryDirectory(cleanup);
  const server = await startS3({ dir });
  cleanup.add(() => server.stop());
  const { endpoint, region, accessKey: accessKeyId, secretKey: secretAccessKey } = server;
  const open = (): ObjectClient =>
    createObjectClient({ endpoint, region, bucket, accessKeyId, secretAccessKey, silenceMs: 10_000 });
  const client = open();
  cleanup.add(() => client.close());
  const keys = async (prefix: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of client.list(prefix)) found.push(key);
    return found;
  };
  return {
    server,
    bucket,
    client,
    sink: () => createArchiveSink(open()),
    frames: async () => {
      const frames: StoredFrame[] = [];
      for await (const { frame } of readArchive(client)) frames.push(frame);
      return frames;
    },
    keys,
    clear: async () => {
      for (const key of await keys("")) await client.delete(key);
    },
    loseBucket: async () => {
      for (const part of ["objects", "attributes"]) await rm(join(dir, part, bucket), { recursive: true, force: true });
    },
  };
};
