import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { never } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { growthOf, mostGrowth } from "#test/builders/growth.ts";
import { planWrite, type Known, type WritePlan } from "./plan.ts";
import { projectFrame, type Projection } from "./project.ts";

const chain = chainBuilder({ agent_uid: agentUid(1) });
let place = 0;
const stored = (type: string, payload: unknown, extra: Record<string, unknown> = {}): StoredFrame => ({
  ...chain.next({ event_type: type, payload, ...extra }),
  place: (place += 1),
  storedNs: 1n,
});
const lesson = (payload: Record<string, unknown>, id?: string): StoredFrame =>
  stored("LESSON", payload, id === undefined ? {} : { event_id: id });
/** What missions of their own say; the first one's agent is the other one's colleague. */
const missionOf = (n: number): string => stableId("mission", String(n));
const chains = [2, 3, 4].map((n) => chainBuilder({ agent_uid: agentUid(n), mission_uid: missionOf(n) }));
const colleague = chainBuilder({ agent_uid: agentUid(9) });
const saidBy = (
  speaker: ReturnType<typeof chainBuilder> | undefined,
  payload: Record<string, unknown>,
  id?: string,
) => {
  if (speaker === undefined) throw new Error("nobody speaks");
  const frame = speaker.next({ event_type: "LESSON", payload, ...(id === undefined ? {} : { event_id: id }) });
  return { ...frame, place: (place += 1), storedNs: 1n };
};
const ofOther = (payload: Record<string, unknown>, id?: string): StoredFrame => saidBy(chains[0], payload, id);
const ofThird = (payload: Record<string, unknown>): StoredFrame => saidBy(chains[1], payload);
const ofColleague = (payload: Record<string, unknown>): StoredFrame => saidBy(colleague, payload);
const stream = "2026-11-30T00:00:00Z";
const inStream = (frame: StoredFrame): Projection => projectFrame(frame, stream);
const learned = (text: string, sources?: string[], id?: string): StoredFrame =>
  lesson({ state: "learned", text, ...(sources === undefined ? {} : { sources }) }, id);

/** A store as the plans of batches leave it. */
const storeOf = () => {
  const objects = new Map<string, Known[number]>();
  const write = (...frames: StoredFrame[]): WritePlan => writeOf(stream, ...frames);
  const writeOf = (of: string, ...frames: StoredFrame[]): WritePlan => {
    const projections = frames.map((frame) => projectFrame(frame, of));
    const plan = planWrite(projections, [...objects.values()]);
    for (const { kind, id, properties } of plan.fresh) objects.set(id, { kind, id, properties });
    for (const [id, changed] of plan.changes) {
      const object = objects.get(id);
      if (object === undefined) throw new Error("a change of what is not there");
      objects.set(id, { ...object, properties: { ...object.properties, ...changed } });
    }
    return plan;
  };
  return { write, writeOf, all: () => [...objects.values()].map(({ properties }) => properties) };
};

const nothing = { fresh: [], changes: new Map() };

describe("what a frame gives the memory", () => {
  it.each<[string, StoredFrame, object]>([
    [
      "a lesson",
      lesson({ state: "learned", text: "pin the version", libraries: ["zod"], files: ["a.ts"], sources: ["e1"] }),
      {
        kind: "lesson",
        embedded: "pin the version",
        properties: { libraries: ["zod"], files: ["a.ts"], sources: ["e1"], accepted_place: never },
      },
    ],
    [
      "a decision with what was taken",
      stored("DECISION_RATIONALE", { reasoning: "it is simpler", selected_strategy: "use a queue" }),
      { kind: "decision", embedded: "use a queue. it is simpler" },
    ],
    [
      "a diff by the lines that changed",
      stored("STATE_CHANGE", {
        file_modified: "src/a.ts",
        patch: "--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,3 +1,3 @@\n context\n-const a = 1;\n+const a = 2;\n",
      }),
      { kind: "diff", embedded: "src/a.ts\nconst a = 1;\nconst a = 2;", properties: { files: ["src/a.ts"] } },
    ],
  ])("is %s", (_, frame, item) => {
    expect(inStream(frame)).toMatchObject({ item });
  });

  it("is nothing for thoughts, for what was recalled, and for types that are not known", () => {
    const frames = [
      stored("THOUGHT", { text: "let us see what happens" }),
      lesson({ state: "recalled", text: "pin the version of zod" }),
      stored("NOT_YET_INVENTED", { text: "pin the version of zod" }),
    ];
    expect(frames.map(inStream)).toEqual([{}, {}, {}]);
  });

  it("has an id that is the frame's alone, also of frames that no chain holds", () => {
    const frame = learned("always the same id");
    const stranger = (principal: string, event_id: string): StoredFrame => ({
      ...frame,
      principal,
      envelope: { ...frame.envelope, seq: 0, epoch: 0, recorder: "collector", event_id },
    });
    const ids = [frame, { ...frame, place: 99 }, stranger("a", "1"), stranger("a", "1"), stranger("b", "1")].map(
      (one) => inStream(one).item?.id,
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).toBe(ids[3]);
    expect(new Set(ids).size).toBe(3);
  });

  it("is the same by the words that are kept of it, however many more there are", () => {
    const fingerprintOf = (words: number, end: string): string | undefined =>
      inStream(learned(`${"close it ".repeat(words)}${end}`)).item?.properties.fingerprint;
    expect(fingerprintOf(2_000, "now")).toBe(fingerprintOf(2_000, "later"));
    expect(fingerprintOf(20, "now")).not.toBe(fingerprintOf(20, "later"));
  });

  it("is bounded, and well-formed text, whatever the payload is", () => {
    const types = fc.constantFrom("LESSON", "DECISION_RATIONALE", "STATE_CHANGE");
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constant("𝄞".repeat(9_000)), fc.constant("\ud800"));
    const keys = fc.constantFrom("state", "text", "sources", "reasoning", "patch", "file_modified", "libraries");
    const value = fc.oneof(text, fc.constantFrom("learned", "accepted"), fc.array(text), fc.anything());
    fc.assert(
      fc.property(types, fc.dictionary(keys, value), (type, payload) => {
        const { item, mark } = inStream(stored(type, payload));
        if (mark !== undefined) expect(mark.events.length).toBeLessThanOrEqual(256);
        if (item === undefined) return;
        const { text: words, sources, libraries, files } = item.properties;
        const texts = [words, item.embedded, ...sources, ...libraries, ...files];
        expect(texts.every((one) => one.isWellFormed() && one.length <= 8_000)).toBe(true);
      }),
    );
  });
});

describe("the write gate", () => {
  it.each<[string, StoredFrame]>([
    ["an empty lesson", learned("")],
    ["a remark", learned("fixed it!")],
    ["a lesson without words", learned("... !? ...")],
    ["a decision without a reason", stored("DECISION_RATIONALE", { confidence_score: 1 })],
    ["a change without a diff", stored("STATE_CHANGE", { file_modified: "a.png", patch: "Binary files differ" })],
  ])("keeps out %s", (_, frame) => {
    expect(storeOf().write(frame)).toEqual(nothing);
  });

  it("takes the same words once, and what the second rests on", () => {
    const store = storeOf();
    store.write(learned("Close the response body.", ["e1"]), learned("close the RESPONSE body", ["e2"]));
    store.write(learned("Close the response body", ["e3"]));
    expect(store.all()).toMatchObject([{ text: "Close the response body.", sources: ["e1", "e2", "e3"] }]);
  });

  it("never learns again what was recalled: a lesson repeated, or drawn from lessons alone, is no evidence", () => {
    const store = storeOf();
    store.write(learned("Close the response body", ["e1"], "lesson-1"));
    store.write(learned("Close the response body"), learned("Close the response body", ["lesson-1"]));
    expect(store.all()).toMatchObject([{ sources: ["e1"] }]);
    expect(store.write(learned("Bodies of responses have to be closed", ["lesson-1"]))).toEqual(nothing);
    store.write(learned("Bodies of requests have to be closed as well", ["lesson-1", "e9"]));
    expect(store.all()).toHaveLength(2);
  });

  it("takes a decision once in a mission, and a diff once in a file", () => {
    const store = storeOf();
    const decision = { reasoning: "the queue is simpler to operate" };
    const diff = (file: string) => ({ file_modified: file, patch: "+const answer = 42;\n" });
    store.write(stored("DECISION_RATIONALE", decision), stored("DECISION_RATIONALE", decision));
    store.write(...["a.ts", "a.ts", "b.ts"].map((file) => stored("STATE_CHANGE", diff(file))));
    expect(store.all()).toHaveLength(3);
  });
});

describe("a lesson's life", () => {
  it("begins with its frame, is accepted, and ends, each at a place of the stream", () => {
    const store = storeOf();
    const [birth, accepted] = [
      learned("Use a monotonic clock", [], "l1"),
      ofOther({ state: "accepted", sources: ["l1"] }),
    ];
    const retired = lesson({ state: "retired", sources: ["l1", "unknown"] });
    store.write(birth);
    store.write(accepted, retired);
    const [life] = store.all();
    expect(life).toMatchObject({
      place: birth.place,
      accepted_place: accepted.place,
      retired_place: retired.place,
    });
  });

  it("may begin and end within one batch, and later marks do not move it", () => {
    const store = storeOf();
    const birth = learned("Never sleep in tests", [], "l2");
    const retired = lesson({ state: "retired", sources: ["l2"] });
    store.write(birth, retired);
    expect(store.all()).toMatchObject([{ retired_place: retired.place }]);
    expect(store.write(lesson({ state: "retired", sources: ["l2"] }))).toEqual(nothing);
  });

  it("is judged by another mission alone, and no lesson begins with a judgement", () => {
    const store = storeOf();
    const text = "Deploys happen on Tuesdays only";
    expect(store.write(ofOther({ state: "accepted", text }))).toEqual(nothing);
    store.write(learned(text, [], "l4"));
    const judged = ["accepted", "retired"].map((state) => ofOther({ state, sources: ["l4"] }));
    expect(store.write(...judged.map((frame) => ({ ...frame, principal: "mallory" })))).toEqual(nothing);
    expect(store.write(lesson({ state: "accepted", sources: ["l4"] }))).toEqual(nothing);
    expect(store.write(ofColleague({ state: "accepted", sources: ["l4"] }))).toEqual(nothing);
    const accepted = ofOther({ state: "accepted", sources: ["l4"] });
    store.write(accepted);
    expect(store.all()).toMatchObject([{ accepted_place: accepted.place, retired_place: never }]);
  });

  it("is its mission's, whoever wrote it down: what the summarizer made of a mission no agent of that confirms", () => {
    const store = storeOf();
    const summarizer = chainBuilder({ agent_uid: agentUid(99), producer: "siphon", recorder: "siphon" });
    store.write(saidBy(summarizer, { state: "learned", text: "Problem: it is slow" }, "s1"));
    store.write(lesson({ state: "accepted", sources: ["s1"] }));
    expect(store.all()).toMatchObject([{ accepted_place: never }]);
    const accepted = ofOther({ state: "accepted", sources: ["s1"] });
    store.write(accepted);
    expect(store.all()).toMatchObject([{ accepted_place: accepted.place }]);
  });

  it("is taken back by its own mission at once, and by others only where two of them say that it is wrong", () => {
    const store = storeOf();
    store.write(learned("Never retry a request", [], "l6"), learned("Never cache an answer", [], "l7"));
    const [first, again] = [1, 2].map(() => ofOther({ state: "retired", sources: ["l6"] }));
    store.write(first!, again!);
    expect(store.all()).toMatchObject([{ retired_place: never }, { retired_place: never }]);
    const second = ofThird({ state: "retired", sources: ["l6"] });
    const own = ofColleague({ state: "retired", sources: ["l7"] });
    store.write(second, own);
    expect(store.all()).toMatchObject([{ retired_place: second.place }, { retired_place: own.place }]);
    expect(store.write(first!, again!, second, own)).toEqual(nothing);
  });

  it("goes by the id of every frame that told it, and whoever repeats it confirms nothing and owns nothing", () => {
    const store = storeOf();
    store.write(learned("Close what you open, always", [], "l8"));
    store.write(ofOther({ state: "learned", text: "close what you open: ALWAYS" }, "l8-again"));
    store.write(ofOther({ state: "accepted", sources: ["l8"] }), ofOther({ state: "retired", sources: ["l8-again"] }));
    expect(store.all()).toMatchObject([{ event_id: "l8", accepted_place: never, retired_place: never }]);
    const retired = lesson({ state: "retired", sources: ["l8-again"] });
    store.write(retired);
    expect(store.all()).toMatchObject([{ retired_place: retired.place }]);
  });

  it("is not marked by the id of a telling that comes later", () => {
    const store = storeOf();
    const early = lesson({ state: "retired", sources: ["l9-again"] });
    store.write(learned("Sort by a unique key only", [], "l9"), { ...early, place: place + 1 });
    const again = { ...ofOther({ state: "learned", text: "Sort by a unique key only" }, "l9-again"), place: place + 2 };
    store.write(again);
    expect(store.write({ ...early, place: again.place - 1 })).toEqual(nothing);
    expect(store.all()).toMatchObject([{ retired_place: never }]);
  });

  it("is marked by frames of a stream that was made anew, and by none of a stream before its own", () => {
    const store = storeOf();
    const [before, after] = ["2026-11-01T00:00:00Z", "2026-12-24T00:00:00Z"];
    store.write(learned("Use the monotonic clock here", [], "l10"));
    const early = { ...ofOther({ state: "accepted", sources: ["l10"] }), place: 1_000_000 };
    expect(store.writeOf(before, early)).toEqual(nothing);
    const late = { ...ofOther({ state: "accepted", sources: ["l10"] }), place: 1 };
    store.writeOf(after, late);
    expect(store.all()).toMatchObject([{ accepted_place: 1 }]);
    // What is read of an older stream afterwards was said before.
    const between = ofThird({ state: "accepted", sources: ["l10"] });
    store.write(between);
    expect(store.all()).toMatchObject([{ accepted_place: between.place }]);
    expect(store.writeOf(after, late)).toEqual(nothing);
  });

  it("keeps what an older siphon marked", () => {
    const born = learned("Read what you wrote before", [], "l11");
    const item = inStream(born).item;
    if (item === undefined) throw new Error("no lesson");
    const properties = { ...item.properties, stream: "", accepted_place: 5 };
    const marked = ofOther({ state: "accepted", sources: ["l11"] });
    const { changes } = planWrite([inStream(marked)], [{ kind: "lesson", id: item.id, properties }]);
    expect([...changes.values()].map(({ accepted_place }) => accepted_place ?? 5)).toEqual([5]);
  });

  it("is marked by its event id, of which the sixteen oldest lessons are named, however often", () => {
    const store = storeOf();
    const births = Array.from({ length: 20 }, (_, n) => learned(`Lesson number ${n} of one event`, [], "crowd"));
    store.write(...births);
    const retired = lesson({ state: "retired", sources: Array(256).fill("crowd") });
    expect(store.write(retired).changes.size).toBe(16);
    expect(store.all().map(({ retired_place }) => retired_place === retired.place)).toEqual([
      ...Array(16).fill(true),
      ...Array(4).fill(false),
    ]);
  });

  it("takes time in proportion to lessons of one event, and to what marks them", () => {
    const make = (n: number) => {
      const projections = [
        ...Array.from({ length: n }, (_, at) => learned(`Lesson number ${at} of one event`, [], "crowd")),
        ...Array.from({ length: n / 4 }, () => ofOther({ state: "accepted", sources: Array(256).fill("crowd") })),
      ].map(inStream);
      return () => planWrite(projections, []);
    };
    expect(growthOf(100, make)).toBeLessThan(mostGrowth);
  });

  it("is the same however the stream is cut into batches, and however often one comes again", () => {
    const event = fc.constantFrom("l1", "l2", "l3", "e1", "e2");
    const frame = fc.record({
      state: fc.constantFrom("learned", "accepted", "retired", "recalled"),
      text: fc.constantFrom("Use a monotonic clock", "Never sleep in tests", "Close what you open", "no"),
      sources: fc.array(event, { maxLength: 3 }),
      id: event,
      who: fc.nat(3),
    });
    const size = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 12 }),
        fc.array(size, { minLength: 12 }),
        (given, sizes) => {
          const frames = given.map(({ id, who, ...payload }) => saidBy([chain, ...chains][who], payload, id));
          const [whole, cut] = [storeOf(), storeOf()];
          whole.write(...frames);
          for (let at = 0, batch = 0; at < frames.length; batch += 1) {
            const next = frames.slice(at, at + sizes[batch]!);
            cut.write(...next);
            expect(cut.write(...next)).toEqual(nothing);
            at += next.length;
          }
          expect(cut.all()).toEqual(whole.all());
        },
      ),
      { endOnFailure: true, numRuns: 1_000 },
    );
  });
});
