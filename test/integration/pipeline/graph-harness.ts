import neo4j, { type ProfiledPlan } from "neo4j-driver";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createGraphClient, type GraphClient, type Neo4jOptions } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createGraphSink } from "#pipeline/siphon/graph/sink.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { startNeo4j, type Neo4jServer } from "#platform/stores/neo4j.ts";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** A Neo4j server with a way to it. */
export type TestGraph = {
  readonly server: Neo4jServer;
  readonly client: GraphClient;
  sink(): Sink;
  /** A client of its own, which whoever opens it closes. */
  open(options?: Pick<Neo4jOptions, "transactionTimeoutMs">): GraphClient;
  /** Everything in it but cuts, in an order that does not depend on how it came there. */
  dump(): Promise<{ readonly nodes: readonly string[]; readonly edges: readonly string[] }>;
  /** What a statement reads, in the server's own count. */
  reads(statement: string, parameters: Readonly<Record<string, unknown>>): Promise<number>;
  /** Hashes of the frames in it, in the stream's order. */
  hashes(): Promise<readonly string[]>;
};

const ofNodes = `
MATCH (n) WHERE NOT n:Cut AND NOT n:Prepared
RETURN labels(n) AS labels, properties(n) AS properties`;

const ofEdges = "MATCH (a)-[r]->(b) RETURN a.key AS from, type(r) AS type, b.key AS to, properties(r) AS properties";

const inOrder = (value: object): [string, unknown][] =>
  Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));

const hitsOf = ({ dbHits, children }: ProfiledPlan): number =>
  dbHits + children.reduce((sum, child) => sum + hitsOf(child), 0);

/** Starts a Neo4j server; it takes half a minute on two busy processors. */
export const startTestGraph = async (
  cleanup: Cleanup,
  at?: string,
  configuration: readonly string[] = [],
): Promise<TestGraph> => {
  const server = await startNeo4j({ dir: at ?? (await temporaryDirectory(cleanup)), configuration });
  cleanup.add(() => server.stop());
  const { boltUrl: url, username, password } = server;
  const open: TestGraph["open"] = (options = {}) => createGraphClient({ url, username, password, ...options });
  const client = open();
  cleanup.add(() => client.close());
  return {
    server,
    client,
    open,
    sink: () => createGraphSink(open()),
    dump: async () => {
      const nodes = await client.run<{ labels: string[]; properties: object }>(ofNodes);
      const edges = await client.run<{ from: string; type: string; to: string; properties: object }>(ofEdges);
      const told = ({ from, type, to, properties }: (typeof edges)[number]): string =>
        JSON.stringify([from, type, to, inOrder(properties)]);
      return {
        nodes: nodes.map(({ labels, properties }) => JSON.stringify([labels, inOrder(properties)])).toSorted(),
        edges: edges.map(told).toSorted(),
      };
    },
    reads: async (statement, parameters) => {
      const driver = neo4j.driver(url, neo4j.auth.basic(username, password));
      try {
        const { summary } = await driver.executeQuery(`PROFILE ${statement}`, parameters);
        if (summary.profile === false) throw new Error("the server gave no profile");
        return hitsOf(summary.profile);
      } finally {
        await driver.close();
      }
    },
    hashes: async () => {
      const rows = await client.run<{ hash: string }>("MATCH (e:Event) RETURN e.hash AS hash ORDER BY e.place");
      return rows.map(({ hash }) => hash);
    },
  };
};

/** Gives frames places of a stream, one behind the other. */
export const inStream = (): ((frame: RecordedFrame) => StoredFrame) => {
  let place = 512;
  return (frame) => ({ ...frame, place: (place += 1), storedNs: 1_763_701_174_000_000_001n });
};

/** Frames of a stream as one batch. */
export const asBatch = (frames: readonly StoredFrame[], stream = "2026-11-23T00:00:00Z") => {
  const [from = 1, to = 1] = [frames[0]?.place, frames.at(-1)?.place];
  return { cut: { stream, from, to, hash: frames.at(-1)?.hash ?? "" }, frames };
};
