import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type ListObjectsV2CommandInput,
} from "@aws-sdk/client-s3";
import { eraseObject, type Erased } from "./erase-object.ts";
import { isStatus, statusOf } from "./status.ts";

/** Where an S3 service is and who we are. */
export type S3Options = {
  /** `http(s)://host:port` of the service. */
  readonly endpoint: string;
  /** The CA that alone its certificate may come from, PEM; the public ones without it. */
  readonly caPem?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  /** Create the bucket, where it is missing, as one whose objects can be locked. */
  readonly objectLock?: boolean;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** How long a connection may say nothing before its request fails, milliseconds; for ever without it. */
  readonly silenceMs?: number;
};

/** An object of a listing. */
type ListedObject = { readonly key: string; readonly sizeBytes: number };

/** How long nobody may delete an object: until a time, Unix milliseconds; who has a right of its own may for `GOVERNANCE`. */
type Retention = { readonly mode: "GOVERNANCE" | "COMPLIANCE"; readonly untilMs: number };

/** A request to a bucket that is not there (any more). */
export class NoBucketError extends Error {
  override readonly name = "NoBucketError";
}

/** One bucket of an S3 service. */
export type ObjectClient = {
  /** Creates the bucket when it is missing; rejects when the service cannot be used. */
  ensureBucket(): Promise<void>;
  /** Size of an object in bytes; undefined when there is none. */
  size(key: string): Promise<number | undefined>;
  /** Stores an object of a known size. */
  put(key: string, body: Uint8Array | Readable, sizeBytes: number): Promise<void>;
  /**
   * Stores an object unless there is one of that name, which stays, and locks it where that is wanted; rejects with
   * `NoBucketError`, or when the signal aborts.
   */
  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal, retention?: Retention): Promise<"stored" | "exists">;
  /** Reads an object; undefined when there is none. */
  get(key: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Objects whose names begin with a prefix, in the order of the names' bytes, behind the name `after`; asked for as they are taken, a page at a time. */
  list(prefix: string, after?: string, pageSize?: number): AsyncIterable<ListedObject>;
  /** Removes an object, if there is one; a bucket that keeps versions keeps what it was. */
  delete(key: string): Promise<void>;
  /** Removes an object with all its versions, as far as no lock holds them. */
  erase(key: string): Promise<Erased>;
  /** Whether objects of the bucket can be locked. */
  hasObjectLock(): Promise<boolean>;
  close(): void;
};

const MAX_ATTEMPTS = 4;

/** What a service says whose bucket is gone; another 404 is about the object. */
const isWithoutBucket = (error: unknown): boolean => (error as { name?: unknown } | null)?.name === "NoSuchBucket";

const orMissing = async <T>(request: Promise<T>): Promise<T | undefined> => {
  try {
    return await request;
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
};

/** A page of whoever stands before the service, answered with 200, has stored nothing. */
const mustBeStored = ({ ETag }: { readonly ETag?: string | undefined }): void => {
  if (ETag === undefined) throw new Error("whoever answers the PUT is no S3 service: its answer has no ETag");
};

/** Headers of a lock; a service wants a digest of the body with them. */
const lockedBy = (retention: Retention | undefined, body: Uint8Array) =>
  retention === undefined
    ? {}
    : {
        ObjectLockMode: retention.mode,
        ObjectLockRetainUntilDate: new Date(retention.untilMs),
        ContentMD5: createHash("md5").update(body).digest("base64"),
      };

async function* listObjects(
  client: S3Client,
  Bucket: string,
  { Prefix, StartAfter, MaxKeys }: Pick<ListObjectsV2CommandInput, "Prefix" | "StartAfter" | "MaxKeys">,
): AsyncGenerator<ListedObject> {
  let token: string | undefined;
  do {
    const from = token === undefined ? { StartAfter } : { ContinuationToken: token };
    const page = await client.send(new ListObjectsV2Command({ Bucket, Prefix, MaxKeys, ...from }));
    for (const { Key: key = "", Size: sizeBytes = 0 } of page.Contents ?? []) yield { key, sizeBytes };
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

/** By path style, which every S3 service understands. */
const connectTo = (options: S3Options): S3Client =>
  new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    credentials: { accessKeyId: options.accessKeyId, secretAccessKey: options.secretAccessKey },
    forcePathStyle: true,
    requestHandler: {
      ...(options.caPem === undefined ? {} : { httpsAgent: { ca: options.caPem } }),
      ...(options.silenceMs === undefined
        ? {}
        : { connectionTimeout: options.silenceMs, socketTimeout: options.silenceMs }),
    },
    maxAttempts: MAX_ATTEMPTS,
    // Trailing checksums need chunked signing, which several S3 services lack; the name is the checksum here.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });

/** Creates a client of one bucket, by path style, which every S3 service understands. */
export const createObjectClient = (options: S3Options): ObjectClient => {
  const { bucket: Bucket } = options;
  const client = connectTo(options);
  const sizeOf = async (Key: string): Promise<number | undefined> =>
    (await orMissing(client.send(new HeadObjectCommand({ Bucket, Key }))))?.ContentLength;
  return {
    ensureBucket: async () => {
      const found = await orMissing(client.send(new HeadBucketCommand({ Bucket })));
      if (found !== undefined) return;
      const lock = options.objectLock === true ? { ObjectLockEnabledForBucket: true } : {};
      await client.send(new CreateBucketCommand({ Bucket, ...lock })).catch((error: unknown) => {
        if (statusOf(error) !== 409) throw error; // another replica was faster
      });
    },
    size: sizeOf,
    put: async (Key, Body, ContentLength) => {
      mustBeStored(await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength })));
    },
    putIfAbsent: async (Key, Body, abortSignal, retention) => {
      const put = new PutObjectCommand({
        Bucket,
        Key,
        Body,
        ContentLength: Body.byteLength,
        IfNoneMatch: "*",
        ...lockedBy(retention, Body),
      });
      try {
        mustBeStored(await client.send(put, abortSignal === undefined ? {} : { abortSignal }));
        return "stored";
      } catch (error) {
        if (isStatus(error, 412)) return "exists";
        // versitygw looks at the lock of what is there before it looks whether anything may be.
        if (isStatus(error, 403) && (await sizeOf(Key)) !== undefined) return "exists";
        throw isWithoutBucket(error) ? new NoBucketError(`there is no bucket ${Bucket}`) : error;
      }
    },
    get: async (Key) => {
      const found = await orMissing(client.send(new GetObjectCommand({ Bucket, Key })));
      return found?.Body as AsyncIterable<Uint8Array> | undefined;
    },
    list: (Prefix, StartAfter, MaxKeys) => listObjects(client, Bucket, { Prefix, StartAfter, MaxKeys }),
    delete: async (Key) => {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    erase: (Key) => eraseObject(client, { Bucket, Key }),
    hasObjectLock: async () => {
      const found = await orMissing(client.send(new GetObjectLockConfigurationCommand({ Bucket })));
      return found?.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
    },
    close: () => client.destroy(),
  };
};
