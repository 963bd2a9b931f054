import { describe, expect, it } from "@jest/globals";
import { envelopeText, parseEnvelope, type Envelope } from "#nervous-system/schemas/envelope.ts";
import { frameTypes } from "#nervous-system/schemas/frames/catalog.ts";
import { chainFilter, chunkSubject, laneOf, partitionOf, subjectToken } from "#nervous-system/schemas/subjects.ts";

const envelope: Envelope = {
  agent_uid: "01890a5d-ac96-774b-bcce-b302099a8057",
  mission_uid: "01890a5d-ac96-774b-bcce-b302099a8058",
  mission: "fix-bug-99",
  namespace: "team-a",
  lineage: 0,
  producer: "agent",
  recorder: "scribe",
  epoch: 1,
  seq: 137,
  observed: "1763701174123456789",
  event_type: "THOUGHT",
  event_id: "e-1",
};

describe("an envelope", () => {
  it("comes back from its text", () => {
    expect(parseEnvelope(envelopeText(envelope))).toEqual({ ok: true, envelope });
  });

  it("may be of a frame that no chain holds", () => {
    const unchained: Envelope = { ...envelope, recorder: "collector", epoch: 0, seq: 0 };
    expect(parseEnvelope(envelopeText(unchained))).toEqual({ ok: true, envelope: unchained });
  });

  const sorted = Object.fromEntries(Object.entries(envelope).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const broken: ReadonlyArray<[string, string, RegExp]> = [
    ["is not JSON", "{", /not JSON/],
    ["has its members in another order", JSON.stringify(envelope), /RFC 8785/],
    ["has a member nobody knows", envelopeText({ ...envelope, extra: 1 } as Envelope), /invalid/],
    ["has half a surrogate pair in it", JSON.stringify({ ...sorted, event_id: "\ud800" }), /RFC 8785/],
    ["was observed when no 64-bit number says", envelopeText({ ...envelope, observed: "9".repeat(20) }), /64-bit/],
    ["writes a number with zeros in front", envelopeText({ ...envelope, observed: "007" }), /invalid/],
    ["has a lineage that no column holds", envelopeText({ ...envelope, lineage: 2 ** 32 + 5 }), /invalid/],
    ["has seq 0 in a chain", envelopeText({ ...envelope, seq: 0 }), /only a frame that no chain holds/],
    ["has seq 0 in an epoch", envelopeText({ ...envelope, recorder: "collector", seq: 0 }), /only a frame/],
  ];
  it.each(broken)("is refused when it %s", (_, text, reason) => {
    expect(parseEnvelope(text)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
});

describe("subjects", () => {
  it("name partition, namespace, mission, agent, epoch and lane", () => {
    const p = partitionOf(envelope.mission_uid);
    expect(chunkSubject(envelope)).toBe(`context.${p}.team-a.${envelope.mission_uid}.${envelope.agent_uid}.1.bulk`);
    expect(chainFilter(envelope.agent_uid, 1)).toBe(`context.*.*.*.${envelope.agent_uid}.1.*`);
  });

  it("have one lane for what somebody acts on, and one for all else, unknown types too", () => {
    const signal = frameTypes.filter((type) => laneOf(type) === "signal");
    expect(signal.toSorted()).toEqual(
      ["PLAN", "TASK", "CLAIM", "MESSAGE", "REQUEST", "INTERVENTION", "PROPOSAL", "PUBLICATION", "VERDICT", "ROLLOUT"]
        .concat(["LIFECYCLE", "SNAPSHOT", "LESSON", "ERROR", "GAP"])
        .toSorted(),
    );
    expect(["NOT_YET_INVENTED", "constructor", ""].map(laneOf)).toEqual(["bulk", "bulk", "bulk"]);
  });

  it.each([
    ["a.b", "a%2Eb"],
    ["a b", "a%20b"],
    ["x\r\nPUB y", "x%0D%0APUB%20y"],
    ["*", "%2A"],
    ["é", "%C3%A9"],
    ["", "_"],
  ])("encode %j as %s", (text, token) => {
    expect(subjectToken(text)).toBe(token);
  });
});

describe("the partition of a mission", () => {
  it("is the same however many missions were asked for meanwhile", () => {
    const before = partitionOf(envelope.mission_uid);
    const others = new Set(Array.from({ length: 5000 }, (_, n) => partitionOf(`mission-${n}`)));
    expect(others.size).toBe(16);
    expect(partitionOf(envelope.mission_uid)).toBe(before);
  });
});
