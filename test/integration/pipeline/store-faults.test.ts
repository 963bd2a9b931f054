import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { judgeRecord } from "#cli/server/record-findings.ts";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import {
  memoryCollections,
  memoryDefinitions,
  vectorNameOf,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { readRecordState } from "#pipeline/collector/read-record-state.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { publicWords } from "#pipeline/public-words.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { createSinkTroubles, type SinkTroubles } from "#pipeline/siphon/sink-troubles.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { connectTestBus, createCleanup, deadLettersOf, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startFaultyStores, storeNames, type FaultyStores, type StoreName } from "./faulty-stores.ts";
import { feedSink } from "./feeding.ts";
import type { Manner } from "./store-door.ts";

const cleanup = createCleanup();
const clock = systemClock();
let nats: NatsServer;
let bus: Bus;
let stores: FaultyStores;
let troubles: SinkTroubles;
/** What was told of each sink since the last fault. */
const told = new Map<StoreName, string[]>();

const feed = (name: StoreName): void => {
  const metrics = createSiphonMetrics(createRegistry());
  const onTrouble = (reason: string | undefined): void => {
    troubles.note(name, reason);
    if (reason !== undefined) told.set(name, [...(told.get(name) ?? []), reason]);
  };
  const feeding = feedSink({ name, sink: stores.sink(name), bus, metrics, onTrouble });
  cleanup.add(() => feeding.stop());
};

beforeAll(async () => {
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
  stores = await startFaultyStores(cleanup);
  troubles = createSinkTroubles({ sinks: storeNames, clock, words: publicWords({}), onChange: () => undefined });
  for (const name of storeNames) feed(name);
}, 1_200_000);
afterAll(() => cleanup.run(), 120_000);

const chain = chainBuilder({ agent_uid: agentUid(1) });
let made = 0;
const decision = (): Record<string, unknown> => ({
  event_type: "DECISION_RATIONALE",
  payload: { reasoning: `it is simpler in case ${(made += 1)}`, selected_strategy: `strategy ${made}` },
});
const publish = async (): Promise<void> => {
  await bus.publisher.publish(Array.from({ length: 40 }, () => chain.next(decision())));
};

const hold = async (names: readonly StoreName[]): Promise<boolean> => {
  for (const name of names) if (!(await stores.holds(name, bus))) return false;
  return true;
};

/** What doctor says of a sink, or of dead letters, by what the siphon tells now. */
const doctorOf = async (check: string): Promise<string> => {
  await bus.partStates.put("siphon", troubles.state());
  const findings = judgeRecord(await readRecordState({ bus, clock, sinks: storeNames }, undefined));
  return findings
    .filter((finding) => finding.check === check)
    .map(({ ok, detail }) => `${ok ? "ok" : "fail"} ${detail}`)
    .join("\n");
};

/** Waits until doctor says so, and shows what it says instead where it does not. */
const expectNamed = async (check: string, named: RegExp): Promise<void> => {
  let said = "";
  // A sink that begins again says that it runs, until the next batch tells otherwise.
  const isNamed = async (): Promise<boolean> => named.test((said = await doctorOf(check)));
  await eventually("doctor names it", isNamed, 180_000).catch(() => undefined);
  expect(said).toMatch(named);
};

/**
 * What is done to a store, how doctor names it, and how it is mended. What the siphon mends by itself needs nobody, and may be over
 * before anybody looks.
 */
type Fault = {
  readonly name: string;
  readonly store: StoreName;
  make(): Promise<unknown>;
  readonly named?: RegExp;
  mend?(): Promise<unknown>;
};

const answers = (store: StoreName, manner: Manner, name: string, named: RegExp): Fault => ({
  name,
  store,
  make: async () => stores.turn(store, manner),
  named,
  mend: async () => stores.turn(store, "through"),
});
const away = /does not answer/;
const foreign = /somebody else answers/;
const schema = /not what was prepared/;
const full = /disk is full/;
const sql = (change: string) => (): Promise<unknown> =>
  stores.ledger.client.command({ query: `ALTER TABLE enchanted.context_frames ${change}` });
const cypher =
  (...statements: readonly string[]) =>
  async (): Promise<void> => {
    for (const statement of statements) await stores.graph.client.run(statement);
  };
const dropDecisions = (): Promise<void> => stores.memory.client.dropCollection(memoryCollections.decision);
/** The collection of decisions, with another type for their texts. */
const retypeDecisions = async (): Promise<void> => {
  const all = memoryDefinitions(vectorNameOf(createLexicalHash()));
  const wanted = all.find(({ name }) => name === memoryCollections.decision);
  if (wanted === undefined) throw new Error("there is no such collection");
  await dropDecisions();
  await stores.memory.client.ensureCollection({ ...wanted, properties: { ...wanted.properties, text: "range" } });
};

const faults: readonly Fault[] = [
  answers("ledger", "silent", "ClickHouse says nothing", away),
  answers("ledger", "page", "somebody else answers for ClickHouse, with a page and 200", foreign),
  answers("archive", "silent", "S3 says nothing", away),
  answers("archive", "page", "somebody else answers for S3, with a page and 200", foreign),
  answers("graph", "silent", "Neo4j says nothing", away),
  answers("graph", "page", "somebody else answers for Neo4j, with a page", foreign),
  answers("memory", "silent", "Weaviate says nothing", away),
  answers("memory", "page", "somebody else answers for Weaviate, with a page and 200", foreign),
  {
    name: "a column of the ledger has another type",
    store: "ledger",
    make: sql("DROP COLUMN state, ADD COLUMN state UInt32"),
    named: schema,
    mend: sql("DROP COLUMN state, ADD COLUMN state String CODEC(ZSTD)"),
  },
  { name: "a column of the ledger is dropped", store: "ledger", make: sql("DROP COLUMN subject") },
  { name: "the archive's bucket is gone", store: "archive", make: () => stores.archive.loseBucket() },
  {
    name: "an index stands in the place of a constraint of the graph",
    store: "graph",
    make: cypher("DROP CONSTRAINT enchanted_decision", "CREATE INDEX others FOR (n:Decision) ON (n.key)"),
    named: schema,
    mend: cypher("DROP INDEX others"),
  },
  { name: "a constraint of the graph is dropped", store: "graph", make: cypher("DROP CONSTRAINT enchanted_event") },
  { name: "the graph is emptied", store: "graph", make: cypher("MATCH (n) DETACH DELETE n") },
  { name: "a collection of the memory is dropped", store: "memory", make: dropDecisions },
  {
    name: "a property of the memory has another type",
    store: "memory",
    make: retypeDecisions,
    named: schema,
    mend: dropDecisions,
  },
  {
    name: "the disk of ClickHouse is full",
    store: "ledger",
    make: () => stores.disks.ledger.fill(),
    named: full,
    mend: () => stores.disks.ledger.empty(),
  },
  {
    name: "the disk of S3 is full",
    store: "archive",
    make: () => stores.disks.archive.fill(),
    named: full,
    mend: () => stores.disks.archive.empty(),
  },
  {
    name: "the disk of Neo4j is full, which leaves a log that Neo4j may not be able to read",
    store: "graph",
    make: () => stores.disks.graph.fill(),
    // It says no more than that.
    named: /gave up/,
    mend: async () => {
      await stores.disks.graph.empty();
      await stores.startGraphAnew();
    },
  },
  {
    name: "the disk of Weaviate is full",
    store: "memory",
    make: () => stores.disks.memory.fill(),
    named: full,
    mend: async () => {
      await stores.disks.memory.empty();
      await stores.memory.server.restart();
    },
  },
];

describe("where", () => {
  it.each(faults)(
    "$name, the other stores get their frames, doctor names what is wrong, and nothing is lost",
    async ({ store, make, named, mend }) => {
      const others = storeNames.filter((one) => one !== store);
      await publish();
      await eventually("all hold everything", () => hold(storeNames), 120_000);
      told.clear();
      await make();
      try {
        await publish();
        await eventually("the others go on", () => hold(others), 60_000);
        if (named !== undefined) await expectNamed(store, named);
        expect(others.flatMap((one) => told.get(one) ?? [])).toEqual([]);
      } finally {
        await mend?.();
      }
      await publish();
      await eventually("all hold everything again", () => hold(storeNames), 120_000);
      expect(await doctorOf(store)).toMatch(/^ok runs; its store holds all/);
      expect(await deadLettersOf(nats)).toEqual([]);
    },
    480_000,
  );
});

it("a poisoned frame is a dead letter of its store, named by doctor, and the others hold it", async () => {
  const [poisoned, next] = [chain.next(decision()), chain.next(decision())];
  await bus.publisher.publish([{ ...poisoned, bytes: Buffer.from([0xff]) }, next]);
  const named = `ledger frame ${agentUid(1)}/1/${poisoned.envelope.seq} of namespace team-a (the frame is not UTF-8)`;
  await eventually("doctor names it", async () => (await doctorOf("letters")).includes(named), 60_000);
  expect(await doctorOf("letters")).toMatch(/^fail 1 of ledger; /);
  const inArchive = async (): Promise<boolean> =>
    (await stores.archive.frames()).some(({ hash }) => hash === next.hash) &&
    (await stores.archive.frames()).some(({ bytes }) => bytes[0] === 0xff);
  await eventually("the archive holds both", inArchive, 60_000);
  for (const name of storeNames)
    await eventually(
      `${name} goes on`,
      async () => (await doctorOf(name)).startsWith("ok runs; its store holds all"),
      60_000,
    );
}, 240_000);
