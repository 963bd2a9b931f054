import type { BlobBytes } from "#nervous-system/comms/nats/blob-bytes.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { BlobPayer } from "#nervous-system/schemas/subjects.ts";
import type { BlobOwner } from "#pipeline/collector/blob-quota.ts";
import type { CollectorMetrics } from "#pipeline/collector/measure.ts";

/** Bounds what each namespace may have in the store of blobs. Nothing that is stored is ever let go of for it. */
export type BlobShare = {
  /** Counts a blob that is about to be stored, and answers what takes that back; rejects with RESOURCE_EXHAUSTED where it is too much. */
  take(owner: BlobOwner, bytes: number): Promise<() => Promise<void>>;
};

/** What a share needs. */
export type BlobShareOptions = {
  /** Of one namespace, bytes; undefined bounds nothing. */
  readonly maxBytes: number | undefined;
  readonly counted: BlobBytes;
  readonly metrics: Pick<CollectorMetrics, "blobsRefused">;
  readonly log: Log;
};

// Neither can take what the other needs: model calls are most of what is stored, and a change is nothing without its bundle.
const parts: Readonly<Record<BlobPayer, number>> = { agents: 1 / 4, components: 3 / 4 };
/** What the smallest file takes on a disk, and a little more of what finds it: a byte is no cheaper. */
const LEAST_BYTES = 4096;
const MAX_KNOWN = 10_000;

/** What NATS said last, what it could not be told since, and whether people were told that it is full. */
type Count = { stored: number; untold: number; isTold: boolean };

const payerOf = ({ agentUid }: BlobOwner): BlobPayer => (agentUid === undefined ? "components" : "agents");

/** The counts of all namespaces, as far as this collector knows them. */
const createCounts = ({ counted, log }: BlobShareOptions) => {
  const known = new Map<string, Count>();
  const of = (owner: BlobOwner): Count => {
    const key = `${owner.namespace}/${payerOf(owner)}`;
    const count = known.get(key) ?? { stored: 0, untold: 0, isTold: false };
    known.delete(key);
    known.set(key, count);
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    return count;
  };
  return {
    of,
    /** A blob does not wait for NATS: what it cannot be told now it hears with the next one. */
    add: async (owner: BlobOwner, bytes: number): Promise<number> => {
      const count = of(owner);
      const telling = count.untold + bytes;
      count.untold = 0;
      try {
        const stored = await counted.add(owner.namespace, payerOf(owner), telling);
        count.stored = stored;
        return stored + count.untold;
      } catch (error) {
        count.untold += telling;
        log.debug({ error: String(error) }, "bytes of blobs could not be counted; later");
        return count.stored + count.untold;
      }
    },
  };
};

/** Creates the shares of one store. */
export const createBlobShare = (options: BlobShareOptions): BlobShare => {
  const { maxBytes, metrics, log } = options;
  if (maxBytes === undefined) return { take: async () => async () => undefined };
  const counts = createCounts(options);
  const refuse = (owner: BlobOwner): GrpcFailure => {
    const count = counts.of(owner);
    const payer = payerOf(owner);
    const why = `the ${payer} of namespace ${owner.namespace} have filled their share of the store of blobs, ${parts[payer] * maxBytes} bytes (blobs.maxBytesPerNamespace)`;
    if (!count.isTold) log.warn({ namespace: owner.namespace, payer }, why);
    count.isTold = true;
    metrics.blobsRefused.inc({ payer });
    return new GrpcFailure(grpcStatus.resourceExhausted, why);
  };
  return {
    take: async (owner, bytes) => {
      const costs = Math.max(bytes, LEAST_BYTES);
      const giveBack = async (): Promise<void> => void (await counts.add(owner, -costs));
      if ((await counts.add(owner, costs)) > parts[payerOf(owner)] * maxBytes) {
        await giveBack();
        throw refuse(owner);
      }
      return giveBack;
    },
  };
};
