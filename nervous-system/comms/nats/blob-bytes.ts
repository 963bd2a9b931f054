import type { PubAck } from "@nats-io/jetstream";
import { blobBytesSubject, type BlobPayer } from "#nervous-system/schemas/subjects.ts";
import { rawHeaders } from "./atomic-batch.ts";
import type { BusConnection } from "./connection.ts";
import { publishableSubject } from "./subject-guard.ts";

/** How many bytes of blobs were stored of each namespace. NATS itself counts, so restarts and replicas change nothing. */
export type BlobBytes = {
  /** Adds to a count, or takes from it, and answers what it is then; rejects while NATS is away. */
  add(namespace: string, payer: BlobPayer, bytes: number): Promise<number>;
};

/** Creates the counts. */
export const createBlobBytes = ({ js, whileUp }: Pick<BusConnection, "js" | "whileUp">): BlobBytes => ({
  add: async (namespace, payer, bytes) => {
    const subject = publishableSubject(blobBytesSubject(namespace, payer));
    const headers = rawHeaders(`Nats-Incr: ${bytes < 0 ? "" : "+"}${bytes}\r\n`);
    const ack: PubAck & { readonly val?: string } = await whileUp(() =>
      js.publish(subject, new Uint8Array(), { headers }),
    );
    if (ack.val === undefined) throw new Error(`stream ${ack.stream} does not count`);
    return Number(ack.val);
  },
});
