import { createClient } from "@clickhouse/client";
import { verifyChain, type ChainFault } from "#test/builders/chain.ts";
import type { Kube } from "#test/e2e/kube.ts";

/** A row of the ledger, as far as the tests read it. */
export type LedgerRow = {
  agent_uid: string;
  epoch: number;
  seq: number;
  event_type: string;
  event_id: string;
  producer: string;
  frame: string;
  envelope: string;
  prev_hash: string;
  hash: string;
  observed_ns: string;
};

/** The ledger, asked as anybody would: by @clickhouse/client. */
export type Ledger = AsyncDisposable & {
  /** Every frame about a mission, in the order of the stream. */
  framesOf(missionUid: string): Promise<LedgerRow[]>;
};

const decode = (value: string | undefined): string => Buffer.from(value ?? "", "base64").toString("utf8");

/** Reaches the ledger of the embedded cluster with the chart's own credentials. */
export const openLedger = async (kube: Kube, namespace: string): Promise<Ledger> => {
  const secret = await kube.get<{ data: Record<string, string> }>("secret", "enchanted-clickhouse", namespace);
  const ca = await kube.get<{ data: Record<string, string> }>("configmap", "enchanted-ca", namespace);
  const forward = await kube.forward(namespace, "enchanted-clickhouse", 8443);
  const client = createClient({
    url: `https://localhost:${forward.port}`,
    tls: { ca_cert: Buffer.from(ca?.data["ca.crt"] ?? "") },
    username: decode(secret?.data["username"]),
    password: decode(secret?.data["password"]),
    database: "enchanted",
  });
  return {
    framesOf: async (missionUid) => {
      const result = await client.query({
        query: `SELECT agent_uid, epoch, seq, event_type, event_id, producer, frame, envelope, prev_hash, hash,
                       JSONExtractString(envelope, 'observed') AS observed_ns
                FROM context_frames FINAL WHERE mission_uid = {mission:String} ORDER BY stream_seq`,
        query_params: { mission: missionUid },
        format: "JSONEachRow",
      });
      const rows = await result.json<
        Omit<LedgerRow, "epoch" | "seq"> & { epoch: number | string; seq: number | string }
      >();
      return rows.map((row) => ({ ...row, epoch: Number(row.epoch), seq: Number(row.seq) }));
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await forward.close();
    },
  };
};

/** Verifies the chain of each epoch of one agent: no gap, no change, no reordering. */
export const faultsOf = (rows: readonly LedgerRow[], agentUid: string): ChainFault[] => {
  const epochs = Map.groupBy(
    rows.filter((row) => row.agent_uid === agentUid),
    (row) => row.epoch,
  );
  const faults = [...epochs.values()].map((frames) =>
    verifyChain(
      frames.map((row) => ({
        agentUid: row.agent_uid,
        epoch: row.epoch,
        seq: row.seq,
        prevHash: row.prev_hash,
        hash: row.hash,
        observedNs: BigInt(row.observed_ns),
        envelopeText: row.envelope,
        bytes: Buffer.from(row.frame),
      })),
    ),
  );
  return faults.filter((fault) => fault !== undefined);
};
