import { afterAll, afterEach, describe, expect, it, jest } from "@jest/globals";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createGraphStore, graphQuestions } from "#pipeline/reader/graph/store.ts";
import { createGraphSink } from "#pipeline/siphon/graph/sink.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { writeBatch, type Writing } from "#pipeline/siphon/write-batch.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder, type ChainOf } from "./chain-builder.ts";
import { asBatch, inStream, startTestGraph, type TestGraph } from "./graph-harness.ts";
import { askingOf } from "./reader-harness.ts";
import { describeSinkContract } from "./sink-contract.ts";

// The first statement of each kind is planned and compiled, which takes seconds on a busy machine.
jest.setTimeout(120_000);

const strangePayloads: ReadonlyArray<Record<string, unknown>> = [
  { event_type: "DECISION_RATIONALE", payload: { reasoning: 7, confidence_score: "very" } },
  { event_type: "DECISION_RATIONALE", payload: { reasoning: "nul \u0000, quotes \"'`\\, 𝄞, \ud800 alone" } },
  { event_type: "STATE_CHANGE", payload: { lines_added: -1, lines_removed: 1e300, file_modified: ["a"] } },
  { event_type: "STATE_CHANGE", payload: { file_modified: "p".repeat(200_000), depends_on: ["q".repeat(20_000)] } },
  { event_type: "STATE_CHANGE", payload: [] },
  { event_type: "MESSAGE", payload: { to: null, from: {}, text: "x".repeat(200_000) }, agent_id: "n".repeat(10_000) },
  { event_type: "PROPOSAL", payload: { head: "", files: [{}, { path: 7 }], body: "This reverts commit nothing." } },
  { event_type: "PUBLICATION", payload: { state: "unheard of", url: "u".repeat(20_000), proposal_seq: 0.5 } },
  { event_type: "ROLLOUT", payload: { action: "rolled back" } },
  { event_type: "LIFECYCLE", payload: { image_digest: "\u0000", phase: 1 } },
];

/** What the graph takes, one after the other. */
const kinds: ReadonlyArray<(n: number) => Record<string, unknown>> = [
  (n) => ({ event_type: "DECISION_RATIONALE", payload: { reasoning: `because of ${n}` } }),
  (n) => ({ event_type: "STATE_CHANGE", payload: { file_modified: `src/${n % 7}.ts`, change: "modified" } }),
  (n) => ({ event_type: "MESSAGE", payload: { to: "coder-2", from: "coder-1", text: `done ${n}` } }),
];

const cleanup = createCleanup();
let graph: TestGraph;
afterAll(() => cleanup.run(), 60_000);

describeSinkContract("graph", async () => {
  graph = await startTestGraph(cleanup);
  const chain = chainBuilder({ agent_uid: agentUid(1) });
  const stored = inStream();
  let made = 0;
  return {
    open: () => graph.sink(),
    frames: (count) =>
      Array.from({ length: count }, () => stored(chain.next(kinds[made % kinds.length]?.((made += 1))))),
    strangeFrames: () => strangePayloads.map((event) => stored(chain.next(event))),
    visible: () => graph.hashes(),
    gap: () => stored(chain.next({ event_type: "GAP", payload: { reason: "lost" } })),
    speaking: async () => {
      const rows = await graph.client.run<{ hash: string }>(
        "MATCH (e:Event) WHERE e.erased IS NULL RETURN e.hash AS hash ORDER BY e.place",
      );
      return rows.map(({ hash }) => hash);
    },
    stopStore: () => graph.server.stop(),
    startStore: () => graph.server.restart(),
    stop: () => Promise.resolve(),
  };
});

const never = new AbortController().signal;

const empty = async (): Promise<void> => {
  await graph.client.run("MATCH (n) DETACH DELETE n");
};

/** Writes frames in batches of `size` by a new sink. */
const write = async (frames: readonly StoredFrame[], size = frames.length, stream?: string): Promise<void> => {
  const sink = graph.sink();
  await sink.prepare();
  for (let from = 0; from < frames.length; from += size)
    expect(await sink.write(asBatch(frames.slice(from, from + size), stream), never)).toEqual({ kind: "written" });
  await sink.close();
};

const sha = (n: number): string => n.toString(16).padStart(40, "0");
const url = (n: number): string => `https://forge.example/team/repo/pulls/${n}`;

const changed = (file: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  event_type: "STATE_CHANGE",
  payload: { file_modified: file, change: "modified", ...more },
});
const decided = (reasoning: string): Record<string, unknown> => ({
  event_type: "DECISION_RATIONALE",
  payload: { reasoning },
});
const proposed = (head: number, files: readonly string[], body = "why"): Record<string, unknown> => ({
  event_type: "PROPOSAL",
  payload: { head: sha(head), title: "t", body, files: files.map((path) => ({ path, change: "modified" })) },
});

/**
 * A mission in which a junior and a senior change files, the junior's pull request is merged, and the senior reverts it;
 * and another team's with the same names.
 */
const smallMission = (): readonly StoredFrame[] => {
  const stored = inStream();
  const chainOf = (n: number, name: string, persona: string, of: Partial<ChainOf> = {}) => {
    const chain = chainBuilder({ agent_uid: agentUid(n), persona, ...of });
    return (event: Record<string, unknown>): StoredFrame => stored(chain.next({ agent_id: name, ...event }));
  };
  const junior = chainOf(1, "jim", "junior-coder");
  const senior = chainOf(2, "sue", "senior-coder");
  const stranger = chainOf(3, "jim", "junior-coder", { namespace: "team-b" });
  let publications = 0;
  const published = (about: number, seq: number, payload: Record<string, unknown>): StoredFrame => {
    const chain = chainBuilder({
      agent_uid: agentUid(9),
      producer: "supervisor",
      recorder: "supervisor",
      epoch: (publications += 1),
      about: { agent_uid: agentUid(about), epoch: 1 },
    });
    return stored(
      chain.next({ event_type: "PUBLICATION", payload: { proposal_event_id: "p", proposal_seq: seq, ...payload } }),
    );
  };
  return [
    junior({ event_type: "LIFECYCLE", payload: { phase: "Started", attempt: 1, image_digest: "sha256:1" } }),
    junior({ event_type: "MESSAGE", payload: { to: "sue", from: "jim", text: "I begin" } }),
    junior(decided("the parser is too slow")),
    junior(changed("src/parser.ts", { change: "added", depends_on: ["src/lexer.ts", "src/tokens.ts"] })),
    senior(decided("the lexer needs no tokens any more")),
    senior(changed("src/lexer.ts", { depends_on: ["src/tokens.ts"] })),
    junior(changed("src/main.ts", { depends_on: ["src/parser.ts"] })),
    junior(proposed(10, ["src/parser.ts", "src/main.ts"])),
    published(1, 6, { state: "open", url: url(1), number: 1, head: sha(11) }),
    published(1, 6, { state: "merged", url: url(1), number: 1, head: sha(11), merge_commit: sha(12) }),
    senior(changed("src/lexer.ts", { depends_on: ["src/chars.ts"] })),
    junior(changed("README.md")),
    senior(changed("src/main.ts", { change: "deleted" })),
    senior(proposed(20, ["src/main.ts"], `It fails in production.\n\nThis reverts commit ${sha(12)}.`)),
    stranger(changed("src/parser.ts", { depends_on: ["src/secrets.ts"] })),
  ];
};

describe("what the graph answers", () => {
  const frames = smallMission();
  const placeOf = (n: number): number => frames[n]?.place ?? 0;
  const ask = async (query: string, parameters: Record<string, unknown> = {}): Promise<unknown[]> => {
    const rows = await graph.client.run<{ answer: unknown }>(query, { namespace: "team-a", ...parameters });
    return rows.map(({ answer }) => answer);
  };

  it("takes the mission", async () => {
    await empty();
    await write(frames);
    expect(await graph.hashes()).toEqual(frames.map(({ hash }) => hash));
  });

  const answers = async (name: string, parameters: Record<string, unknown>, namespace = "team-a") =>
    (await askingOf(createGraphStore(graph.client))(namespace, name, parameters)).rows;

  it("names every file modified by a persona that resulted in a rollback", async () => {
    const files = async (persona: string, namespace?: string) =>
      (await answers("reverted", { persona }, namespace)).map(({ file }) => file);
    expect(await files("junior-coder")).toEqual(["src/main.ts", "src/parser.ts"]);
    expect(await answers("reverted", { persona: "junior-coder" })).toMatchObject([
      { agent: "jim", pull_request: url(1) },
      { agent: "jim", pull_request: url(1) },
    ]);
    expect(await files("senior-coder")).toEqual([]);
    expect(await files("junior-coder", "team-b")).toEqual([]);
  });

  it("names all that a change of a file may break, now and as of any moment", async () => {
    const radius = async (path: string, n: number): Promise<string[]> => {
      const rows = await answers("dependents", { path, place: placeOf(n) });
      return rows.map(({ file }) => file as string).toSorted((a, b) => a.localeCompare(b));
    };
    expect(await radius("src/tokens.ts", 3)).toEqual(["src/parser.ts"]);
    expect(await radius("src/tokens.ts", 6)).toEqual(["src/lexer.ts", "src/main.ts", "src/parser.ts"]);
    expect(await radius("src/chars.ts", 9)).toEqual([]);
    expect(await radius("src/chars.ts", 11)).toEqual(["src/lexer.ts", "src/main.ts", "src/parser.ts"]);
    // By then the lexer needs no tokens, and main is deleted.
    expect(await radius("src/tokens.ts", 14)).toEqual(["src/parser.ts"]);
    expect(await radius("src/chars.ts", 14)).toEqual(["src/lexer.ts", "src/parser.ts"]);
  });

  it("names beside each what it depends on itself, now and as of any moment", async () => {
    const needed = async (n: number): Promise<unknown> => {
      const rows = await answers("dependents", { path: "src/tokens.ts", place: placeOf(n) });
      return Object.fromEntries(rows.map(({ file, depends_on: on }) => [file, (on as string[]).toSorted()]));
    };
    expect(await needed(6)).toEqual({
      "src/parser.ts": ["src/lexer.ts", "src/tokens.ts"],
      "src/lexer.ts": ["src/tokens.ts"],
      "src/main.ts": ["src/parser.ts"],
    });
    expect(await needed(14)).toEqual({ "src/parser.ts": ["src/lexer.ts", "src/tokens.ts"] });
  });

  it("says how a mission came to what it changed, and what took that back", async () => {
    const rows = await answers("provenance", { mission: "fix-bug" });
    const told = rows.map((row) =>
      [row["from_kind"], row["from"], row["relation"], row["to_kind"], row["to"]].join("|"),
    );
    const [parser, lexer] = ["decision|the parser is too slow", "decision|the lexer needs no tokens any more"];
    expect(told.toSorted()).toEqual(
      [
        "mission|fix-bug|has|agent|jim",
        "mission|fix-bug|has|agent|sue",
        ...rows.filter(({ to }) => to === agentUid(9)).map(() => `mission|fix-bug|has|agent|${agentUid(9)}`),
        `agent|jim|decided|${parser}`,
        `agent|sue|decided|${lexer}`,
        `${parser}|led to|change|added`,
        ...Array.from({ length: 2 }, () => `${parser}|led to|change|modified`),
        ...Array.from({ length: 2 }, () => `${lexer}|led to|change|modified`),
        `${lexer}|led to|change|deleted`,
        "change|added|of|file|src/parser.ts",
        "change|modified|of|file|src/main.ts",
        "change|modified|of|file|README.md",
        ...Array.from({ length: 2 }, () => "change|modified|of|file|src/lexer.ts"),
        "change|deleted|of|file|src/main.ts",
        `change|added|in|commit|${sha(10)}`,
        `change|modified|in|commit|${sha(10)}`,
        `change|deleted|in|commit|${sha(20)}`,
        `commit|${sha(10)}|part of|pull request|${url(1)} (merged)`,
        `pull request|${url(1)} (merged)|taken back by|rollback|t`,
      ].toSorted(),
    );
    expect(await answers("provenance", { mission: "another" })).toEqual([]);
    const others = await answers("provenance", { mission: "fix-bug" }, "team-b");
    expect(others.map(({ relation, from, to }) => [relation, from, to])).toEqual([
      ["has", "fix-bug", "jim"],
      ["of", "modified", "src/parser.ts"],
      ["made", "jim", "modified"],
    ]);
  });

  it("keeps apart what two teams call by the same name", async () => {
    const secrets = { path: "src/secrets.ts", mission: "fix-bug" };
    expect(await answers("dependents", secrets, "team-b")).toMatchObject([{ file: "src/parser.ts", steps: 1 }]);
    expect(await answers("dependents", secrets)).toEqual([]);
    expect(await answers("dependents", { ...secrets, mission: "another" }, "team-b")).toEqual([]);
    expect(await ask("MATCH (n:Persona {name: 'junior-coder'}) RETURN n.namespace AS answer ORDER BY answer")).toEqual([
      "team-a",
      "team-b",
    ]);
    expect(await ask("MATCH (a)--(b) WHERE a.namespace <> b.namespace RETURN a.key AS answer")).toEqual([]);
  });

  it("says which decision led to which change", async () => {
    expect(
      await ask(`MATCH (a:Agent)-[:DECIDED]->(d:Decision)-[l:LED_TO]->(:Change)-[:OF]->(f:File)
        RETURN [a.name, d.reasoning, f.path] AS answer ORDER BY l.place`),
    ).toEqual([
      ["jim", "the parser is too slow", "src/parser.ts"],
      ["sue", "the lexer needs no tokens any more", "src/lexer.ts"],
      ["jim", "the parser is too slow", "src/main.ts"],
      ["sue", "the lexer needs no tokens any more", "src/lexer.ts"],
      ["jim", "the parser is too slow", "README.md"],
      ["sue", "the lexer needs no tokens any more", "src/main.ts"],
    ]);
  });

  it("says who told whom, whoever was heard of first", async () => {
    expect(await ask("MATCH (a:Agent)-[t:TOLD]->(b:Agent) RETURN [a.name, b.name, t.seq] AS answer")).toEqual([
      ["jim", "sue", 2],
    ]);
  });

  it("knows what became of a pull request, and which commits are in it", async () => {
    expect(
      await ask(`MATCH (k:Commit)-[:PART_OF]->(p:PullRequest)
        WITH p, k ORDER BY k.sha
        WITH p, collect(k.sha) AS commits RETURN [p.url, p.state, commits] AS answer`),
    ).toEqual([[url(1), "merged", [sha(10), sha(11), sha(12)]]]);
  });

  it("has on every edge which frame it follows from, and when", async () => {
    const incomplete = `MATCH ()-[r]->() WHERE r.event IS NULL OR r.agent_uid IS NULL OR r.epoch IS NULL OR r.seq IS NULL
      OR r.event_id IS NULL OR r.at IS NULL OR r.place IS NULL OR r.stream IS NULL RETURN type(r) AS answer`;
    expect(await ask(incomplete)).toEqual([]);
  });
});

describe("a question about a graph in which everything hangs together", () => {
  const LAYERS = 9;
  const WIDE = 10;
  const nameOf = (layer: number, n: number): string => `src/${layer}-${n}.ts`;
  const layered = (): readonly StoredFrame[] => {
    const [stored, chain] = [inStream(), chainBuilder({ agent_uid: agentUid(30), namespace: "layers" })];
    const all = (layer: number): string[] => Array.from({ length: WIDE }, (_, n) => nameOf(layer, n));
    return Array.from({ length: LAYERS - 1 }, (_, layer) =>
      all(layer + 1).map((file) => stored(chain.next(changed(file, { depends_on: all(layer) })))),
    ).flat();
  };
  const asking = (parameters: Record<string, unknown>) => ({
    namespace: "layers",
    values: { path: nameOf(0, 0), mission: "", place: 0, ...parameters },
    rows: 1_000,
  });

  it("is answered although there are a hundred million ways, and at each file by the shortest", async () => {
    await write(layered());
    const { rows } = await askingOf(createGraphStore(graph.client))("layers", "dependents", { path: nameOf(0, 0) });
    expect(rows).toHaveLength((LAYERS - 1) * WIDE);
    expect(rows.map(({ file, steps }) => [file, steps])).toEqual(
      Array.from({ length: rows.length }, (_, n) => {
        const layer = 1 + Math.floor(n / WIDE);
        return [nameOf(layer, n % WIDE), layer];
      }),
    );
  });

  it("answers of less what stands first in more", async () => {
    const of = async (rows: number) =>
      (await askingOf(createGraphStore(graph.client))("layers", "dependents", { path: nameOf(0, 0) }, rows)).rows;
    const all = await of(1_000);
    for (const rows of [1, WIDE - 1, WIDE, WIDE + 1, 2 * WIDE]) expect(await of(rows)).toEqual(all.slice(0, rows));
  });

  it("reads what it is about: one step where that is enough, and one mission where one is named", async () => {
    const [MISSIONS, FILES] = [20, 20];
    const stored = inStream();
    const paths = Array.from({ length: FILES }, (_, n) => `src/${n}.ts`);
    const frames = Array.from({ length: MISSIONS }, (_, n) => {
      const of = { mission_uid: stableId("dense", String(n)), mission: `dense-${n}`, namespace: "dense" };
      const chain = chainBuilder({ agent_uid: agentUid(100 + n), ...of });
      return paths.map((path) =>
        stored(chain.next(changed(path, { depends_on: paths.filter((other) => other !== path) }))),
      );
    }).flat();
    await write(frames);
    const store = createGraphStore(graph.client);
    const question = graphQuestions.find(({ name }) => name === "dependents")!;
    const reads = (mission: string, rows: number): Promise<number> => {
      const values = { path: "src/0.ts", mission, place: 0 };
      const asked = { namespace: "dense", values, rows, signal: new AbortController().signal };
      const { statement, bound } = store.answer(question, asked);
      return graph.reads(statement, bound);
    };
    // Each dependency is read a few times: to go on, to see whether it held then, and to tell what a file depends on itself.
    const few = 50;
    expect(await reads("dense-3", 10_000)).toBeLessThan(few * FILES * (FILES - 1));
    expect(await reads("", 5)).toBeLessThan(few * MISSIONS * FILES);
    const { rows } = await askingOf(store)("dense", "dependents", { path: "src/0.ts", mission: "dense-3" });
    expect(rows.map(({ file, steps }) => [file, steps])).toEqual([
      ...paths
        .slice(1)
        .toSorted()
        .map((file) => [file, 1]),
      ["src/0.ts", 2],
    ]);
  });

  it("says so where it takes too long, and is ended in the server where nobody waits for it any more", async () => {
    const running = async (): Promise<number> => {
      const statement =
        "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery CONTAINS 'AS slow' RETURN currentQuery";
      return (await graph.client.run<{ currentQuery: string }>(statement)).filter(
        ({ currentQuery }) => !currentQuery.startsWith("SHOW"),
      ).length;
    };
    const slow = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN count(a * b) AS slow";
    const question = graphQuestions[0]!;
    const store = createGraphStore(
      { ...graph.client, read: (_, bound, limits) => graph.client.read(slow, bound, limits) },
      500,
    );
    const signal = new AbortController().signal;
    const first = store
      .answer(question, { ...asking({}), signal })
      .batches[Symbol.asyncIterator]()
      .next();
    await expect(first).rejects.toMatchObject({ code: grpcStatus.resourceExhausted });

    const leave = new AbortController();
    const patient = createGraphStore({
      ...graph.client,
      read: (_, bound, limits) => graph.client.read(slow, bound, limits),
    });
    const answer = patient.answer(question, { ...asking({}), signal: leave.signal }).batches[Symbol.asyncIterator]();
    const second = answer.next().catch((error: unknown) => error);
    await eventually("it runs", async () => (await running()) === 1, 20_000);
    leave.abort(new Error("nobody waits"));
    expect(await second).toMatchObject({ code: grpcStatus.unavailable });
    await eventually("it is ended", async () => (await running()) === 0, 10_000);
  });
});

describe("the same frames again", () => {
  const frames = smallMission();
  afterEach(empty, 60_000);

  it("change nothing, in whatever batches, out of order, or at the places of a stream that was made anew", async () => {
    await empty();
    await write(frames);
    const once = await graph.dump();
    await write(frames, 1);
    await write(frames.toReversed(), 4);
    const anew = inStream();
    await write(frames.toReversed().map(anew), 5, "2026-12-01T00:00:00Z");
    expect(await graph.dump()).toEqual(once);
  });

  it("are there once where two sinks write them at the same time", async () => {
    await empty();
    await write(frames);
    const once = await graph.dump();
    await empty();
    const sinks = [graph.sink(), graph.sink()];
    for (const sink of sinks) await sink.prepare();
    const writeAll = () => Promise.all(sinks.map((sink) => sink.write(asBatch(frames), never)));
    for (const { kind } of await writeAll()) expect(["written", "retryable"]).toContain(kind);
    expect(await writeAll()).toEqual([{ kind: "written" }, { kind: "written" }]);
    expect(await graph.dump()).toEqual(once);
    for (const sink of sinks) await sink.close();
  });

  it("make the same graph in batches of any size", async () => {
    await empty();
    await write(frames);
    const whole = await graph.dump();
    for (const size of [1, 2, 7]) {
      await empty();
      await write(frames, size);
      expect(await graph.dump()).toEqual(whole);
    }
  }, 240_000);
});

describe("a batch that takes the graph too long", () => {
  it("is halved, and a frame that did so by itself is tried again and not put aside", async () => {
    const frames = smallMission().slice(0, 4);
    await empty();
    const [client, hurried] = [graph.open(), graph.open({ transactionTimeoutMs: 500 })];
    const sizes: number[] = [];
    let slow = 0;
    const tooMuch = "UNWIND range(1, 1000000) AS a UNWIND range(1, 1000000) AS b RETURN count(a * b)";
    const slowed: GraphClient = {
      ...client,
      write: (work, signal) => {
        if ((slow -= 1) < 0) return client.write(work, signal);
        return hurried.write(async (run) => {
          await run(tooMuch);
          return work(run);
        }, signal);
      },
    };
    const sink = createGraphSink(slowed);
    await sink.prepare();
    slow = 3;
    const [pauses, refused] = [new Array<string>(), new Array<string>()];
    const writing: Writing = {
      name: "graph",
      sink: {
        write: (batch, signal) => {
          sizes.push(batch.frames.length);
          return sink.write(batch, signal);
        },
        erase: (erasures, signal) => sink.erase(erasures, signal),
      },
      metrics: createSiphonMetrics(createRegistry()),
      signal: never,
      pause: async (_, reason) => void pauses.push(reason),
      refuse: async (_, __, reason) => void refused.push(reason),
    };
    await writeBatch(writing, asBatch(frames));
    expect(sizes).toEqual([4, 2, 1, 1, 1, 2]);
    expect(pauses).toEqual([expect.stringContaining("TransactionTimedOut")]);
    expect(refused).toEqual([]);
    expect(await graph.hashes()).toEqual(frames.map(({ hash }) => hash));
    await sink.close();
    await hurried.close();
  });
});

describe("a graph that lost something", () => {
  const frames = smallMission();
  const cut = { ...asBatch(frames).cut, number: 1 };

  it("is prepared anew where it was emptied, and has no cuts then", async () => {
    await empty();
    const sink = graph.sink();
    await sink.prepare();
    await sink.keepCut(cut);
    await graph.client.run("MATCH (n) WHERE NOT n:Cut DETACH DELETE n");
    expect(await sink.write(asBatch(frames), never)).toMatchObject({ kind: "lost" });
    await sink.prepare();
    expect(await sink.cuts()).toEqual([]);
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    await sink.close();
  });

  it("gets a constraint whose maker was killed, which leaves an index of its name behind", async () => {
    await empty();
    await graph.client.run("DROP CONSTRAINT enchanted_prepared IF EXISTS");
    await graph.client.run("CREATE INDEX enchanted_prepared FOR (n:Prepared) ON (n.key)");
    const sink = graph.sink();
    await sink.prepare();
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    await sink.close();
  });

  it("gets its constraints back, and its cuts and frames stay", async () => {
    const sink = graph.sink();
    await sink.prepare();
    await sink.keepCut(cut);
    const before = await graph.dump();
    await graph.client.run("DROP CONSTRAINT enchanted_file");
    expect(await sink.write(asBatch(frames), never)).toMatchObject({ kind: "lost" });
    await sink.prepare();
    expect(await sink.cuts()).toEqual([cut]);
    expect(await sink.write(asBatch(frames), never)).toEqual({ kind: "written" });
    expect(await graph.dump()).toEqual(before);
    await sink.close();
  });
});
