import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { recall as recalling } from "#nervous-system/schemas/questions/recall.ts";
import { memoryCollections, never as neverPlace } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { EmbedderFailure, SHARE_OF_A_MODEL, type Embedder } from "#pipeline/embedding/embedder.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createLocalEmbedder } from "#pipeline/embedding/local/local-embedder.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { answerParts } from "#pipeline/reader/answer-parts.ts";
import { recall, type RecallQuery } from "#pipeline/reader/memory/recall.ts";
import { createMemoryStore } from "#pipeline/reader/memory/store.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Sink } from "#pipeline/siphon/sink.ts";
import { writeBatch, type Writing } from "#pipeline/siphon/write-batch.ts";
import { ensureEmbeddingModel } from "#platform/tools/embedding-model.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder, type ChainOf } from "./chain-builder.ts";
import { rememberedHashes, startTestMemory, type TestMemory } from "./memory-harness.ts";
import { askingOf } from "./reader-harness.ts";
import { describeSinkContract } from "./sink-contract.ts";

const never = new AbortController().signal;
const cleanup = createCleanup();
let memory: TestMemory;
beforeAll(async () => {
  memory = await startTestMemory(cleanup);
}, 1_200_000);
afterAll(() => cleanup.run(), 60_000);

let place = 0;
const chainOf = (n: number, of: Partial<ChainOf> = {}) => {
  const chain = chainBuilder({ agent_uid: agentUid(n), ...of });
  return (event: Record<string, unknown>): StoredFrame => ({
    ...chain.next(event),
    place: (place += 1),
    storedNs: 1n,
  });
};
const lesson = (payload: Record<string, unknown>, id?: string): Record<string, unknown> => ({
  event_type: "LESSON",
  payload,
  ...(id === undefined ? {} : { event_id: id }),
});
const learned = (text: string, more: Record<string, unknown> = {}, id?: string) =>
  lesson({ state: "learned", text, ...more }, id);

/** Of a mission of its own. */
const elsewhere = { mission_uid: agentUid(700), mission: "elsewhere" };

/** Odd as they are, there is something to remember in them. */
const strange: ReadonlyArray<Record<string, unknown>> = [
  learned("nul \u0000, quotes \"'`\\, 𝄞 and \ud800 alone", { sources: "none", libraries: [7], files: [""] }),
  learned(`a very long lesson ${"x ".repeat(100_000)}`),
  learned("it rests on much that is strange", { sources: ["\ud800", "s".repeat(5_000), ...Array(400).fill("e")] }),
  { event_type: "DECISION_RATIONALE", payload: { reasoning: "use the simpler way", confidence_score: "very" } },
  { event_type: "STATE_CHANGE", payload: { file_modified: ["a"], patch: "+a line of text\n-another line of text" } },
];

/** What the memory takes, one after the other. */
const kinds: ReadonlyArray<(n: number) => Record<string, unknown>> = [
  (n) => learned(`Lesson number ${n}: close what you open`),
  (n) => ({ event_type: "DECISION_RATIONALE", payload: { reasoning: `it is simpler in case ${n}` } }),
  (n) => ({ event_type: "STATE_CHANGE", payload: { file_modified: "a.ts", patch: `+const answer = compute(${n});` } }),
];

describeSinkContract("memory", async () => {
  const own = createCleanup();
  const contract = await startTestMemory(own);
  const stored = chainOf(1);
  let made = 0;
  return {
    open: () => contract.sink(),
    frames: (count) => Array.from({ length: count }, () => stored(kinds[made % kinds.length]!((made += 1)))),
    strangeFrames: () => strange.map(stored),
    visible: () => rememberedHashes(contract),
    gap: () => stored({ event_type: "GAP", payload: { reason: "lost" } }),
    speaking: () => rememberedHashes(contract),
    stopStore: () => contract.server.stop(),
    startStore: () => contract.server.restart(),
    stop: () => own.run(),
  };
});

const asBatch = (frames: readonly StoredFrame[]): Batch => {
  const [from, to] = [frames[0]?.place ?? 1, frames.at(-1)?.place ?? 1];
  return { cut: { stream: "s", from, to, hash: "h" }, frames };
};

const openSink = async (embedder?: Embedder): Promise<Sink> => {
  const sink = memory.sink(embedder);
  await sink.prepare();
  return sink;
};

const write = async (frames: readonly StoredFrame[], embedder?: Embedder): Promise<void> => {
  const sink = await openSink(embedder);
  expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
  await sink.close();
};

const ask = async (query: Partial<RecallQuery> & { readonly namespace: string }, embedder = createLexicalHash()) =>
  recall({ client: memory.client, embedder }, { text: "", kind: "lesson", limit: 10, ...query }, never);

const texts = async (...given: Parameters<typeof ask>): Promise<string[]> =>
  (await ask(...given)).hits.map(({ text }) => text);

/** What the publisher says of a mission's pull request. */
const publicationOf = (of: Partial<ChainOf> & { readonly namespace: string }) => {
  const say = chainOf(90, { ...of, producer: "supervisor", recorder: "supervisor" });
  return (state: string, number: number): StoredFrame =>
    say({ event_type: "PUBLICATION", payload: { state, url: `https://forge/${number}`, number } });
};

describe("what became of a lesson's mission", () => {
  const about = { namespace: "ended" };
  const missionOf = (n: number) => ({ ...about, mission_uid: agentUid(710 + n), mission: `m${n}` });
  const outcomes = async (query: Partial<RecallQuery> = {}): Promise<Record<string, string>> => {
    const { hits } = await ask({ ...about, ...query });
    return Object.fromEntries(hits.map(({ mission, outcome }) => [mission, outcome]));
  };

  it("is found with it, as of any place, and again after everything comes again", async () => {
    const says = [1, 2, 3, 4].map((n) => publicationOf(missionOf(n)));
    const births = [1, 2, 3, 4].map((n) => chainOf(60 + n, missionOf(n))(learned(`The queue of mission ${n} starves`)));
    const opened = says.map((say, n) => say("open", n + 1));
    const second = says[3]!("open", 14);
    const merged = says[0]!("merged", 1);
    const closed = [says[1]!("closed", 2), says[3]!("closed", 4)];
    const reopened = says[1]!("merged", 2);
    const frames = [...births, ...opened, second, merged, ...closed, reopened];
    await write(frames);
    await write(frames);
    // Of the fourth one of two pull requests is closed, and the other one open.
    expect(await outcomes()).toEqual({ m1: "merged", m2: "merged", m3: "", m4: "" });
    expect(await outcomes({ asOf: reopened.place - 1 })).toEqual({ m1: "merged", m2: "closed", m3: "", m4: "" });
    expect(await outcomes({ asOf: merged.place - 1 })).toEqual({ m1: "", m2: "", m3: "", m4: "" });
    await write([says[3]!("closed", 14)]);
    expect(await outcomes({ text: "a queue that starves" })).toMatchObject({ m4: "closed" });
  });

  it("lets a lesson whose change was closed rank behind others that fit as well", async () => {
    const of = (n: number) => ({ namespace: "ranked", mission_uid: agentUid(720 + n), mission: `r${n}` });
    await write([
      chainOf(65, of(1))(learned("Requests pile up behind a lock that is never let go")),
      chainOf(66, of(2))(learned("Behind a lock that is never let go requests pile up")),
      chainOf(67, of(3))(learned("Colours of the button are wrong in the dark")),
    ]);
    const text = "Requests pile up behind a lock that is never let go";
    const missions = async (query: Partial<RecallQuery> = { text }): Promise<string[]> =>
      (await ask({ namespace: "ranked", ...query })).hits.map(({ mission }) => mission);
    const [best = "", second = "", far = ""] = await missions();
    expect([best, second].toSorted()).toEqual(["r1", "r2"]);
    const say = publicationOf(of(Number(best.slice(1))));
    await write([say("open", 1), say("closed", 1)]);
    expect(await missions()).toEqual([second, best, far]);
    expect(await missions({ text, limit: 1 })).toEqual([second]);
    expect((await missions({})).at(-1)).toBe(best);
  });

  it("is nothing that an agent or an external client could say", async () => {
    const of = { namespace: "forged", mission_uid: agentUid(730), mission: "f" };
    const say = publicationOf(of);
    const stranger: StoredFrame = { ...publicationOf(of)("merged", 1), principal: "mallory" };
    const agent = chainOf(68, of)({ event_type: "PUBLICATION", payload: { state: "merged", url: "https://forge/1" } });
    await write([chainOf(69, of)(learned("Nobody merged what this says")), agent, stranger, say("open", 2)]);
    expect((await ask({ namespace: "forged" })).hits).toMatchObject([{ outcome: "" }]);
  });

  it("is not known to a memory without pull requests, which finds lessons all the same", async () => {
    const shelf = { collection: memoryCollections.lesson, tenant: "ended" };
    const own: typeof memory.client = {
      ...memory.client,
      find: (asked, ...rest) =>
        memory.client.find({ ...asked, collection: asked.collection.replace("PullRequest", "NotThere") }, ...rest),
    };
    expect(await own.hasTenant(shelf.collection, shelf.tenant)).toBe(true);
    const { hits } = await recall(
      { client: own, embedder: createLexicalHash() },
      { namespace: "ended", text: "", kind: "lesson", limit: 10 },
      never,
    );
    expect(hits.map(({ outcome }) => outcome)).toEqual(["", "", "", ""]);
  });
});

describe("a lesson that is told twice", () => {
  it("rests on both, without any evidence of the first, and goes by both ids, whichever batch they come in", async () => {
    const of = { namespace: "twice" };
    const tell = chainOf(70, of);
    await write([tell(learned("Flush what is buffered at the end", {}, "first-telling"))]);
    const again = tell(learned("Flush what is buffered: at the end!", { sources: ["e5"] }, "second-telling"));
    await write([again]);
    await write([again]);
    expect(await memory.remembered("lesson", "twice")).toMatchObject([
      { event_id: "first-telling", sources: ["e5"], told_events: ["second-telling"] },
    ]);
    await write([tell(lesson({ state: "retired", sources: ["second-telling"] }))]);
    expect(await texts({ namespace: "twice" })).toEqual([]);
  });
});

describe("the question recall", () => {
  const answered = async (parameters: Record<string, unknown>): Promise<Array<Record<string, unknown>>> => {
    const store = createMemoryStore({ client: memory.client, embedder: createLexicalHash() });
    return (await askingOf(store)("asked", "recall", parameters, 5)).rows;
  };

  it("is answered with what is remembered of the namespace, best first, and refuses kinds that there are not", async () => {
    const chain = chainOf(40, { namespace: "asked" });
    await write([
      chain(learned("A retry without jitter floods the server", { libraries: ["pkg:npm/undici"] })),
      chain(learned("Dates of the database are in UTC")),
    ]);
    expect(await answered({ what: "the server is flooded by a retry" })).toMatchObject([
      {
        text: "A retry without jitter floods the server",
        libraries: ["pkg:npm/undici"],
        found_by: "words and meaning",
      },
      {},
    ]);
    expect(await answered({ what: "retry", libraries: "pkg:npm/undici" })).toHaveLength(1);
    expect(await answered({ what: "retry", kind: "decision" })).toEqual([]);
    await expect(answered({ what: "retry", kind: "opinion" })).rejects.toThrow("lesson, decision, diff");
  });

  it("says that there is more than it gives, however much is asked for", async () => {
    const chain = chainOf(41, { namespace: "much" });
    await write(Array.from({ length: 101 }, (_, n) => chain(learned(`Lesson number ${n} of a great many`))));
    const store = createMemoryStore({ client: memory.client, embedder: createLexicalHash() });
    const ask = async (what: string, limit: number) => {
      const values = { what, kind: "", libraries: [], paths: [], place: 0 };
      const answer = store.answer(recalling, { namespace: "much", values, rows: limit + 1, signal: never });
      const parts = answerParts(recalling, answer, limit);
      let next = await parts.next();
      while (next.done !== true) next = await parts.next();
      return [next.value.rows, next.value.cutBy];
    };
    expect(await ask("", 500)).toEqual([100, "limit"]);
    expect(await ask("Lesson of a great many", 500)).toEqual([100, "limit"]);
    expect(await ask("", 100)).toEqual([100, "limit"]);
    expect(await ask("", 20)).toEqual([20, "limit"]);
  });
});

describe("the memory's sink", () => {
  it("remembers lessons, decisions and diffs of each namespace by itself, and nothing else", async () => {
    const [one, other] = [chainOf(10, { namespace: "one" }), chainOf(11, { namespace: "a" })];
    await write([
      one(learned("Always close the body of a response", { libraries: ["net/http"] })),
      one({ event_type: "THOUGHT", payload: { text: "let me think about this for a while" } }),
      one({ event_type: "DECISION_RATIONALE", payload: { reasoning: "a queue is simpler to operate" } }),
      one(lesson({ state: "recalled", text: "Something that was known before" })),
      other({ event_type: "STATE_CHANGE", payload: { file_modified: "b.go", patch: "+defer body.Close()" } }),
    ]);
    expect((await memory.remembered("lesson", "one")).map(({ text }) => text)).toEqual([
      "Always close the body of a response",
    ]);
    expect(await memory.remembered("decision", "one")).toHaveLength(1);
    expect(await memory.remembered("diff", "one")).toEqual([]);
    expect(await memory.remembered("diff", "a")).toMatchObject([{ files: ["b.go"], retired_place: neverPlace }]);
    expect(await texts({ namespace: "a", text: "close the body of a response" })).toEqual([]);
    expect(await ask({ namespace: "nobody", text: "anything" })).toEqual({ hits: [] });
  });

  it("puts frames whose namespace is none aside", async () => {
    const frames = [
      chainOf(12)(learned("one that is fine as it is")),
      chainOf(13, { namespace: "../up" })(learned("no")),
    ];
    const sink = await openSink();
    expect(await sink.write(asBatch(frames), never)).toMatchObject({ kind: "rejected", bad: [frames[1]] });
    await sink.close();
  });

  it("asks for another try while vectors are not to be had, and embeds nothing twice", async () => {
    const stored = chainOf(14, { namespace: "busy" });
    const frames = Array.from({ length: 70 }, (_, n) => stored(learned(`Lesson number ${n} of a busy day`)));
    const embedded: string[] = [];
    let failing = true;
    const embedder: Embedder = {
      ...createLexicalHash(),
      share: SHARE_OF_A_MODEL,
      embed: async (given, signal) => {
        if (failing && embedded.length >= 32) throw new EmbedderFailure("busy", { afterMs: 7_000 });
        embedded.push(...given);
        return createLexicalHash().embed(given, signal);
      },
    };
    const sink = await openSink(embedder);
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "retryable", reason: "busy", afterMs: 7_000 });
    failing = false;
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    expect(embedded).toHaveLength(70);
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    expect(embedded).toHaveLength(70);
    await sink.close();
  });

  it("makes a tenant's share of vectors while the stream waits, and the others beside it, in turns of the tenants", async () => {
    const [many, few] = ["flooding", "quiet"];
    const flood = chainOf(71, { namespace: many });
    const quiet = chainOf(72, { namespace: few });
    const embedded: string[] = [];
    const inner = createLexicalHash();
    const held = Promise.withResolvers<void>();
    const embedder: Embedder = {
      ...inner,
      embed: async (given, signal) => {
        embedded.push(...given);
        if (given.some((text) => text.includes("held"))) await untilAborted(held.promise, signal);
        return inner.embed(given, signal);
      },
    };
    const share = { burst: 4, perSecond: 0.000_001 };
    const options = { share };
    const texts = Array.from({ length: 80 }, (_, n) => `Lesson number ${n} of a held flood`);
    // What an earlier process put off is found by the next one.
    const first = memory.sink({ ...embedder, embed: inner.embed }, options);
    await first.prepare();
    await first.write(asBatch(texts.slice(0, 40).map((text) => flood(learned(text)))), never);
    await first.close();
    expect(embedded).toEqual([]);
    const sink = memory.sink(embedder, options);
    await sink.prepare();
    await eventually("the filler is at work", () => embedded.length > 0, 30_000);
    // The model is busy with the flood: what another tenant tells is written all the same, with its vectors.
    const told = ["Close the door when you leave", "Never trust a clock", "Keep the log small"].map((text) =>
      quiet(learned(text)),
    );
    expect(await sink.write(asBatch(told), never)).toEqual({ kind: "written" });
    expect((await memory.remembered("lesson", few)).map(({ vector_due }) => vector_due)).toEqual(["no", "no", "no"]);
    expect(
      (await memory.remembered("lesson", many)).filter(({ vector_due }) => vector_due === "yes").length,
    ).toBeGreaterThan(0);
    // Found by its words meanwhile.
    const search = { namespace: many, text: "number 39 of a flood" };
    expect((await ask(search)).hits.map(({ text }) => text)).toContain(texts[39]);
    held.resolve();
    await eventually(
      "every vector is made",
      async () => (await memory.remembered("lesson", many)).every(({ vector_due }) => vector_due === "no"),
      60_000,
    );
    expect((await ask({ namespace: many, text: texts[37] ?? "", limit: 1 })).hits[0]?.text).toBe(texts[37]);
    // None is made twice, and what was told about an object meanwhile is kept.
    expect(new Set(embedded).size).toBe(embedded.length);
    await sink.close();
  }, 120_000);

  it("puts the one frame aside whose text the embedder refuses, and keeps all the others", async () => {
    const stored = chainOf(17, { namespace: "refusing" });
    const frames = Array.from({ length: 9 }, (_, n) => stored(learned(`Lesson number ${n} of some that are refused`)));
    const embedder: Embedder = {
      ...createLexicalHash(),
      embed: async (given, signal) => {
        if (given.some((text) => text.includes("number 6"))) throw new EmbedderFailure("too long", { refused: true });
        return createLexicalHash().embed(given, signal);
      },
    };
    const sink = await openSink(embedder);
    const refused: unknown[] = [];
    const writing: Writing = {
      name: "memory",
      sink,
      metrics: createSiphonMetrics(createRegistry()),
      signal: never,
      pause: (_, reason) => Promise.reject(new Error(`tried again: ${reason}`)),
      refuse: async (_, frame, reason) => void refused.push([frame, reason]),
    };
    await writeBatch(writing, asBatch(frames));
    expect(refused).toEqual([[frames[6], "too long"]]);
    expect(await memory.remembered("lesson", "refusing")).toHaveLength(8);
    await sink.close();
  });

  it("gives up when told to while vectors are made", async () => {
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    const embedder: Embedder = {
      ...createLexicalHash(),
      embed: (_, signal) => {
        asked.resolve();
        return new Promise((__, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    };
    const sink = await openSink(embedder);
    const writing = sink.write(asBatch([chainOf(15)(learned("one that takes for ever"))]), abort.signal);
    await asked.promise;
    abort.abort(new Error("stop"));
    expect(await writing).toEqual({ kind: "retryable", reason: "stop" });
    await sink.close();
  });

  it("says that the store is lost where a collection is gone, and begins anew without cuts", async () => {
    const sink = await openSink();
    const frames = [chainOf(16, { namespace: "lost" })(learned("one that is lost and found again"))];
    await sink.keepCut({ stream: "s", from: 1, to: 2, hash: "h", number: 1 });
    await memory.client.dropCollection(memoryCollections.lesson);
    expect(await sink.write(asBatch(frames), never)).toMatchObject({ kind: "lost" });
    await sink.prepare();
    expect(await sink.cuts()).toEqual([]);
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    expect(await texts({ namespace: "lost" })).toEqual(["one that is lost and found again"]);
    await sink.close();
  });

  it("keeps a lesson's vector when the lesson is accepted, and what another embedder's lessons say in words", async () => {
    const stored = chainOf(17, { namespace: "two" });
    const other: Embedder = {
      ...createLexicalHash(),
      name: "by-length",
      dimensions: 2,
      embed: (given) => Promise.resolve(given.map(({ length }) => Float32Array.of(1, length / 10))),
    };
    await write([stored(learned("Never hold two locks at the same time", {}, "locks"))]);
    await write([chainOf(18, { namespace: "two", ...elsewhere })(lesson({ state: "accepted", sources: ["locks"] }))]);
    await write([stored(learned("Sort by a key that is unique", {}, "sorts"))], other);
    const { hits } = await ask({ namespace: "two", text: "locks held twice" });
    expect(hits[0]).toMatchObject({ text: "Never hold two locks at the same time", accepted: true });
    expect(hits[0]?.score).toBeGreaterThan(0.5);
    expect((await texts({ namespace: "two", text: "xxxxxxxxxxxxxxxxxxxxxxxxxxxx" }, other)).at(0)).toBe(
      "Sort by a key that is unique",
    );
    expect(await texts({ namespace: "two", text: "locks" }, other)).toContain("Never hold two locks at the same time");
  });
});

describe("recall", () => {
  const about = { namespace: "recall" };
  let born: StoredFrame;
  let retired: StoredFrame;
  beforeAll(async () => {
    const stored = chainOf(20, about);
    born = stored(learned("Dates in the picker are a day off west of Greenwich", { files: ["picker.ts"] }, "dates"));
    const zod = stored(
      learned("Unknown keys are dropped by z.object", { libraries: ["zod"], sources: ["e1"] }, "keys"),
    );
    const accepted = chainOf(22, { ...about, ...elsewhere })(lesson({ state: "accepted", sources: ["dates"] }));
    retired = stored(lesson({ state: "retired", sources: ["dates"] }));
    await write([born, zod, accepted, retired]);
  });

  it("finds by words, and says what it rests on", async () => {
    expect(await ask({ ...about, text: "keys that are unknown" })).toEqual({
      hits: [
        {
          kind: "lesson",
          text: "Unknown keys are dropped by z.object",
          eventId: "keys",
          agentUid: agentUid(20),
          mission: "fix-bug",
          missionUid: born.envelope.mission_uid,
          place: born.place + 1,
          accepted: false,
          outcome: "",
          sources: ["e1"],
          libraries: ["zod"],
          files: [],
          score: expect.any(Number),
        },
      ],
    });
  });

  it("forgets what was retired, and knows it as of a time before", async () => {
    expect(await texts(about)).toEqual(["Unknown keys are dropped by z.object"]);
    const before = await ask({ ...about, text: "dates", asOf: retired.place - 1 });
    expect(before.hits[0]).toMatchObject({ eventId: "dates", accepted: true });
    const first = await ask({ ...about, text: "dates", asOf: born.place });
    expect(first.hits).toMatchObject([{ eventId: "dates", accepted: false }]);
    expect(await texts({ ...about, asOf: born.place - 1 })).toEqual([]);
  });

  it("keeps to the libraries and files that are asked for", async () => {
    const asOf = retired.place - 1;
    expect(await texts({ ...about, asOf, libraries: ["zod"] })).toEqual(["Unknown keys are dropped by z.object"]);
    expect(await texts({ ...about, asOf, files: ["picker.ts"], text: "keys" })).toEqual([
      "Dates in the picker are a day off west of Greenwich",
    ]);
    expect(await texts({ ...about, asOf, files: ["picker.ts"], libraries: ["zod"] })).toHaveLength(2);
    expect(await texts({ ...about, asOf, libraries: ["Zod"] })).toEqual([]);
    expect(await texts({ ...about, asOf, limit: 1 })).toHaveLength(1);
  });

  it("searches by words alone where no vector is to be had, and says so", async () => {
    const broken: Embedder = {
      ...createLexicalHash(),
      embed: () => Promise.reject(new EmbedderFailure("no endpoint")),
    };
    const { hits, byWordsOnly } = await ask({ ...about, text: "unknown keys" }, broken);
    expect([hits.map(({ eventId }) => eventId), byWordsOnly]).toEqual([["keys"], "no endpoint"]);
  });

  it("finds a lesson by a bug told in other words, with the local model", async () => {
    const local = createLocalEmbedder(await ensureEmbeddingModel());
    const stored = chainOf(21, { namespace: "local" });
    await write(
      [
        "Date picker is off by one day in America. A date without a time is read as UTC midnight; build it from its parts.",
        "Certificate expired although it was renewed. The server was never reloaded; reload it in the renew hook.",
        "Crash when truncating text with umlauts. The slice cut a character in two; cut at character borders.",
      ].map((text) => stored(learned(text))),
      local,
    );
    const again = createLocalEmbedder(await ensureEmbeddingModel());
    const ofBooking = {
      namespace: "local",
      text: "Customers in Brazil see the calendar day before the one that they clicked",
    };
    const ofHeadline = { namespace: "local", text: "Shortening a headline with an accent brings the renderer down" };
    expect((await texts(ofBooking, again))[0]).toMatch(/^Date picker/);
    expect((await texts(ofHeadline, again))[0]).toMatch(/^Crash when truncating/);
    await again.close();
  }, 120_000);
});
