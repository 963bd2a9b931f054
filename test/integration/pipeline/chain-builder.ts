import { chainHash, zeroHash } from "#nervous-system/schemas/chain.ts";
import { envelopeText, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";

/** Whose chain to build. */
export type ChainOf = Partial<Envelope> & Pick<Envelope, "agent_uid">;

/** A mission for tests that need none in particular. */
export const missionUid = "11111111-0000-4000-8000-000000000001";

/** An agent's uid by number. */
export const agentUid = (n: number): string => `22222222-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;

/** Builds the frames of one chain, one after the other; the first follows `resumed`. */
export const chainBuilder = (
  of: ChainOf,
  resumed = zeroHash,
): {
  /** The next frame; `stamps` are what its envelope says in another way than the chain's. */
  next(event?: Record<string, unknown>, stamps?: Partial<Envelope>): RecordedFrame;
  take(count: number): RecordedFrame[];
} => {
  let seq = 0;
  let prevHash = resumed;
  const next = (event: Record<string, unknown> = {}, stamps: Partial<Envelope> = {}): RecordedFrame => {
    seq += 1;
    const produced = {
      event_id: `${of.agent_uid}-${of.epoch ?? 1}-${seq}`,
      event_type: "THOUGHT",
      timestamp: "2026-11-21T04:59:34.123456789Z",
      agent_id: "coder-1",
      payload: { text: `thought ${seq}` },
      ...event,
    };
    const envelope: Envelope = {
      mission_uid: missionUid,
      mission: "fix-bug",
      namespace: "team-a",
      lineage: 0,
      producer: "agent",
      recorder: "scribe",
      epoch: 1,
      observed: String(1_763_701_174_000_000_000n + BigInt(seq)),
      event_type: produced.event_type,
      event_id: produced.event_id,
      ...of,
      ...stamps,
      seq,
    };
    const text = envelopeText(envelope);
    const bytes = Buffer.from(JSON.stringify(produced));
    const hash = chainHash({
      agentUid: envelope.agent_uid,
      epoch: envelope.epoch,
      seq,
      prevHash,
      observedNs: BigInt(envelope.observed),
      envelopeText: text,
      bytes,
    });
    const frame = { envelope, envelopeText: text, bytes, prevHash, hash };
    prevHash = hash;
    return frame;
  };
  return { next, take: (count) => Array.from({ length: count }, () => next()) };
};
