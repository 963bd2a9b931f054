import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createGraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createVectorClient } from "#nervous-system/stores/weaviate/vector-client.ts";
import { createLexicalHash } from "#pipeline/embedding/lexical-hash.ts";
import { createArchiveSink } from "#pipeline/siphon/archive/sink.ts";
import { createGraphSink } from "#pipeline/siphon/graph/sink.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import { createMemorySink } from "#pipeline/siphon/memory/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { readFrames, type Cleanup } from "./bus-harness.ts";
import { startTestGraph, type TestGraph } from "./graph-harness.ts";
import { asLedger, ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { rememberedHashes, startTestMemory, type TestMemory } from "./memory-harness.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { openDoor, type Manner, type StoreDoor } from "./store-door.ts";

/** Every store of the siphon. */
export const storeNames = ["ledger", "archive", "graph", "memory"] as const;

/** One of `storeNames`. */
export type StoreName = (typeof storeNames)[number];

/** The four stores, each on a small disk and behind doors. */
export type FaultyStores = {
  readonly ledger: TestLedger;
  readonly archive: TestArchive;
  readonly graph: TestGraph;
  readonly memory: TestMemory;
  readonly disks: Readonly<Record<StoreName, SmallDisk>>;
  /** A new sink, which reaches its store by its doors only. */
  sink(name: StoreName): Sink;
  /** Turns every door of a store. */
  turn(name: StoreName, manner: Manner): void;
  /** Starts Neo4j without anything that it had. */
  startGraphAnew(): Promise<void>;
  /** Whether a store holds what the stream does, frame for frame. */
  holds(name: StoreName, bus: Bus): Promise<boolean>;
};

const PATIENCE_MS = 4_000;

/** Neo4j tells its clients after which silence they should give up, and writes its log as it comes, so that a full disk is met. */
const quickToNotice = [
  "server.bolt.connection_keep_alive=3s",
  "server.bolt.connection_keep_alive_for_requests=ALL",
  "server.bolt.connection_keep_alive_probes=2",
  "db.tx_log.preallocate=false",
];

const portOf = (url: string): number => Number(new URL(url).port);

type Doors = Readonly<Record<"ledger" | "archive" | "graph" | "rest" | "grpc", StoreDoor>>;
type Servers = Pick<FaultyStores, "ledger" | "archive" | "graph" | "memory">;

const sinksOf = ({ ledger, archive, graph, memory }: Servers, doors: Doors): Record<StoreName, () => Sink> => ({
  ledger: () => {
    const { username, password } = ledger.server;
    const url = `http://127.0.0.1:${doors.ledger.port}`;
    return createLedgerSink(createSqlClient({ url, username, password, requestTimeoutMs: PATIENCE_MS }), silentLog);
  },
  archive: () => {
    const { region, accessKey: accessKeyId, secretKey: secretAccessKey } = archive.server;
    const endpoint = `http://127.0.0.1:${doors.archive.port}`;
    const account = { region, accessKeyId, secretAccessKey, bucket: archive.bucket };
    return createArchiveSink(createObjectClient({ ...account, endpoint, silenceMs: PATIENCE_MS }), {
      signing: archive.signing,
      log: silentLog,
    });
  },
  graph: () => {
    const { username, password } = graph.server;
    return createGraphSink(createGraphClient({ url: `bolt://127.0.0.1:${doors.graph.port}`, username, password }));
  },
  memory: () => {
    const [url, grpcUrl] = [doors.rest, doors.grpc].map(({ port }) => `http://127.0.0.1:${port}`) as [string, string];
    const { apiKey } = memory.server;
    const client = createVectorClient({ url, grpcUrl, apiKey, requestTimeoutMs: PATIENCE_MS });
    const options = { clock: systemClock(), random: () => 0, log: silentLog };
    return createMemorySink({ client, embedder: createLexicalHash() }, options);
  },
});

type Wanted = Readonly<Record<StoreName, readonly unknown[]>>;

/** What the stores should hold; read anew only where the stream has grown, since each reading leaves a consumer for a while. */
const createWanted = (): ((bus: Bus) => Promise<Wanted>) => {
  let known: { readonly place: number; readonly wanted: Wanted } | undefined;
  return async (bus) => {
    const { place } = await bus.newest();
    if (known?.place === place) return known.wanted;
    const frames = await readFrames(bus);
    const hashes = frames.map(({ hash }) => hash);
    const wanted = { ledger: asLedger(frames), archive: asLedger(frames), graph: hashes, memory: hashes };
    known = { place, wanted };
    return wanted;
  };
};

const heldBy = ({ ledger, archive, graph, memory }: Servers): Record<StoreName, () => Promise<readonly unknown[]>> => ({
  ledger: () => ledgerFrames(ledger),
  archive: async () => asLedger(await archive.frames()),
  graph: () => graph.hashes(),
  memory: () => rememberedHashes(memory),
});

/** Starts the four stores. Whoever tests with them publishes decisions only, of which each store takes every one. */
export const startFaultyStores = async (cleanup: Cleanup): Promise<FaultyStores> => {
  const disks = {
    ledger: await mountSmallDisk(400, cleanup),
    archive: await mountSmallDisk(100, cleanup),
    graph: await mountSmallDisk(400, cleanup),
    memory: await mountSmallDisk(200, cleanup),
  };
  const servers: Servers = {
    ledger: await startTestLedger(cleanup, { dir: disks.ledger.path }),
    archive: await startTestArchive(cleanup, disks.archive.path),
    graph: await startTestGraph(cleanup, disks.graph.path, quickToNotice),
    memory: await startTestMemory(cleanup, disks.memory.path),
  };
  const doors: Doors = {
    ledger: await openDoor(portOf(servers.ledger.server.url), cleanup),
    archive: await openDoor(portOf(servers.archive.server.endpoint), cleanup),
    graph: await openDoor(portOf(servers.graph.server.boltUrl), cleanup),
    rest: await openDoor(portOf(servers.memory.server.url), cleanup),
    grpc: await openDoor(portOf(servers.memory.server.grpcUrl), cleanup),
  };
  const doorsOf: Record<StoreName, readonly StoreDoor[]> = {
    ledger: [doors.ledger],
    archive: [doors.archive],
    graph: [doors.graph],
    memory: [doors.rest, doors.grpc],
  };
  const [sinks, held, wantedOf] = [sinksOf(servers, doors), heldBy(servers), createWanted()];
  return {
    ...servers,
    disks,
    sink: (name) => sinks[name](),
    turn: (name, manner) => doorsOf[name].forEach((door) => door.turn(manner)),
    startGraphAnew: async () => {
      await servers.graph.server.stop();
      await rm(join(disks.graph.path, "neo4j", "data"), { recursive: true });
      await servers.graph.server.restart();
    },
    holds: async (name, bus) => {
      const wanted = (await wantedOf(bus))[name];
      const found = await held[name]().catch(() => []);
      return JSON.stringify(found) === JSON.stringify(wanted);
    },
  };
};
