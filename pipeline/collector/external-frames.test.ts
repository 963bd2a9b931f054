import { describe, expect, it } from "@jest/globals";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { erasuresIn } from "#pipeline/siphon/erasures.ts";
import type { Caller } from "./caller.ts";
import { createErasures, createExternalFrames } from "./external-frames.ts";

const caller: Caller = {
  agentUid: stableId("stranger", "ann"),
  namespace: "team-a",
  producers: ["agent"],
  recorder: "scribe",
  principal: "ann",
};
const frames = { clock: manualClock(0), redactor: createRedactor([]) };

// Made of pieces, so that nobody takes these for secrets that leaked.
const githubToken = ["gh", "p_", "a1B2c3D4e5".repeat(4).slice(0, 36)].join("");
const idsLikeSecrets = [
  githubToken,
  ["AK", "IA", "Q3EGRZX5T7UVWJ2P"].join(""),
  ["sk", "-ant-", "api03-", "Ab3dE6".repeat(16)].join(""),
  ["token", "=abcdef0123456789abcdef"].join(""),
];

describe("an order to erase", () => {
  const orderOf = (event: string, reason: string) =>
    createErasures(frames)({
      eventId: stableId("erasure", event),
      payload: { event, agent_uid: caller.agentUid, epoch: 1, seq: 5, places: [7], blobs: [], reason },
      caller,
    });

  it.each(idsLikeSecrets)("names the frame whose id is %s as it is", (event) => {
    const order = orderOf(event, "asked for");
    expect(erasuresIn([{ ...order, place: 8, storedNs: 1n }])).toMatchObject([{ eventId: event, seq: 5, places: [7] }]);
    expect(order.envelope.flags).toBeUndefined();
  });

  it("gives its reason without secrets, and says so", () => {
    const order = orderOf("mine", `it said ${githubToken}`);
    expect(JSON.parse(Buffer.from(order.bytes).toString())).toMatchObject({
      payload: { event: "mine", by: "ann", reason: "it said [redacted:github-token]" },
    });
    expect(order.envelope.flags).toEqual(["withheld"]);
  });
});

describe("what an external client tells", () => {
  it.each(idsLikeSecrets)("has another id where its own is %s, the same when it is told again", (secret) => {
    const compose = createExternalFrames(frames);
    const [one, again, other] = [secret, secret, `${secret}0`].map((event_id) => {
      const result = compose({ frame: { event_id, event_type: "THOUGHT", payload: { text: "hi" } } }, caller);
      if (result.kind !== "frame") throw new Error(result.reason);
      return result.frame;
    });
    expect(`${one?.envelopeText} ${Buffer.from(one?.bytes ?? "").toString()}`).not.toContain(secret);
    expect(one?.envelope.flags).toEqual(["withheld"]);
    expect(JSON.parse(Buffer.from(one?.bytes ?? "").toString())).toMatchObject({ event_id: one?.envelope.event_id });
    expect(again?.envelope.event_id).toBe(one?.envelope.event_id);
    expect(other?.envelope.event_id).not.toBe(one?.envelope.event_id);
  });
});
