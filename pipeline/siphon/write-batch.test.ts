import { describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { EraseResult } from "#pipeline/siphon/sink.ts";
import { StoreLost, writeBatch, type Writing } from "#pipeline/siphon/write-batch.ts";

const frameOf = (event_type: string, producer: Envelope["producer"], payload: object): StoredFrame => ({
  envelope: { event_type, producer, namespace: "team-a", agent_uid: "u", epoch: 0, seq: 0 } as Envelope,
  envelopeText: "{}",
  bytes: Buffer.from(JSON.stringify({ event_type, payload })),
  prevHash: "",
  hash: "",
  place: 1,
  storedNs: 1n,
});

const order = { event: "e", agent_uid: "a", epoch: 1, seq: 7, places: [3], by: "ann", reason: "why" };
const batchOf = (...frames: StoredFrame[]) => ({ cut: { stream: "s", from: 1, to: 1, hash: "h" }, frames });

const writing = (answers: EraseResult[]) => {
  const [asked, pauses] = [new Array<string>(), new Array<string>()];
  const given: Writing = {
    name: "ledger",
    sink: {
      write: () => {
        asked.push("write");
        return Promise.resolve({ kind: "written" });
      },
      erase: (erasures) => {
        asked.push(...erasures.map(({ namespace, eventId, seq }) => `${namespace} ${eventId} ${seq}`));
        return Promise.resolve(answers.shift() ?? { kind: "written" });
      },
    },
    metrics: createSiphonMetrics(createRegistry()),
    signal: new AbortController().signal,
    pause: async (_, reason) => void pauses.push(reason),
    refuse: () => Promise.reject(new Error("nothing is refused")),
  };
  return { asked, pauses, given };
};

describe("a batch with an order to erase", () => {
  it("is written first, and the order is carried out until it is", async () => {
    const { asked, pauses, given } = writing([{ kind: "retryable", reason: "away" }]);
    await writeBatch(given, batchOf(frameOf("ERASURE", "collector", order)));
    expect(asked).toEqual(["write", "team-a e 7", "team-a e 7"]);
    expect(pauses).toEqual(["away"]);
  });

  it("begins again with a store that is not what it was", async () => {
    const { given } = writing([{ kind: "lost", reason: "no table" }]);
    await expect(writeBatch(given, batchOf(frameOf("ERASURE", "collector", order)))).rejects.toThrow(StoreLost);
  });

  it.each([
    ["an agent's", frameOf("ERASURE", "agent", order)],
    ["one that names no frame", frameOf("ERASURE", "collector", { ...order, seq: -1 })],
    ["another type's", frameOf("REPORTED_ERASURE", "collector", order)],
  ])("erases nothing by %s", async (_, frame) => {
    const { asked, given } = writing([]);
    await writeBatch(given, batchOf(frame));
    expect(asked).toEqual(["write"]);
  });
});
