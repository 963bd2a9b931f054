import type { Readable } from "node:stream";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";

/** Where an S3 service is and who we are. */
export type S3Options = {
  /** `http(s)://host:port` of the service. */
  readonly endpoint: string;
  /** The CA that alone its certificate may come from, PEM; the public ones without it. */
  readonly caPem?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
};

/** One bucket of an S3 service. */
export type ObjectClient = {
  /** Creates the bucket when it is missing; rejects when the service cannot be used. */
  ensureBucket(): Promise<void>;
  /** Size of an object in bytes; undefined when there is none. */
  size(key: string): Promise<number | undefined>;
  /** Stores an object of a known size. */
  put(key: string, body: Uint8Array | Readable, sizeBytes: number): Promise<void>;
  /** Reads an object; undefined when there is none. */
  get(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  close(): void;
};

const MAX_ATTEMPTS = 4;

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;

const orMissing = async <T>(request: Promise<T>): Promise<T | undefined> => {
  try {
    return await request;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
};

/** Creates a client of one bucket, by path style, which every S3 service understands. */
export const createObjectClient = (options: S3Options): ObjectClient => {
  const { bucket: Bucket, accessKeyId, secretAccessKey } = options;
  const client = new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    ...(options.caPem === undefined ? {} : { requestHandler: { httpsAgent: { ca: options.caPem } } }),
    maxAttempts: MAX_ATTEMPTS,
    // Trailing checksums need chunked signing, which several S3 services lack; the name is the checksum here.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  return {
    ensureBucket: async () => {
      const found = await orMissing(client.send(new HeadBucketCommand({ Bucket })));
      if (found !== undefined) return;
      await client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
        if (statusOf(error) !== 409) throw error; // another replica was faster
      });
    },
    size: async (Key) => {
      const head = await orMissing(client.send(new HeadObjectCommand({ Bucket, Key })));
      return head?.ContentLength;
    },
    put: async (Key, Body, ContentLength) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength }));
    },
    get: async (Key) => {
      const found = await orMissing(client.send(new GetObjectCommand({ Bucket, Key })));
      return found?.Body as AsyncIterable<Uint8Array> | undefined;
    },
    close: () => client.destroy(),
  };
};
