import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { Question } from "#nervous-system/schemas/questions/define-question.ts";
import { reverted } from "#nervous-system/schemas/questions/reverted.ts";
import { Neo4jFailure } from "#nervous-system/stores/neo4j/failure.ts";
import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import type { Parameters } from "#nervous-system/stores/neo4j/parameters.ts";
import type { Answer, AnswerBatch, Asked, ReadStore, ReadStoreKind } from "#pipeline/reader/answer.ts";
import type { GraphQuery } from "./define-query.ts";
import { dependents } from "./dependents.ts";
import { provenance } from "./provenance.ts";
import { graphSettings, openGraph } from "#pipeline/siphon/graph/open-graph.ts";

const RETRY_MS = 1_000;
/** Longest that one question may take, milliseconds. */
const TIME_MS = 30_000;

// A file that one agent changed a thousand times is a thousand ways to each of its changes: DISTINCT takes one of them.
/** What the graph answers, each by one constant statement: what somebody asks for is bound to `$name`. */
const queries: readonly GraphQuery[] = [
  dependents,
  {
    question: reverted,
    cypher: `MATCH (:Persona {namespace: $namespace, name: $persona})<-[:HAS_PERSONA]-(a:Agent)-[:MODIFIED]->(f:File)
WITH DISTINCT a, f
MATCH (f)<-[:OF]-(:Change {agent: a.key})-[:IN]->(:Commit)-[:PART_OF]->(p:PullRequest)
WITH DISTINCT a, f, p
MATCH (p)<-[:PART_OF]-(:Commit)<-[r:REVERTED]-(:Rollback)
WITH f, a, p, max(r.at) AS rolled_back
RETURN f.path AS file, coalesce(a.name, '') AS agent, p.url AS pull_request, rolled_back
ORDER BY rolled_back DESC, file LIMIT toInteger($limit)`,
  },
  provenance,
];

/** What the graph answers. */
export const graphQuestions: readonly Question[] = queries.map(({ question }) => question);

const boundOf = ({ namespace, values, rows }: Asked): Parameters => {
  const { place, ...others } = values;
  const asOf = place === undefined || place === 0 ? Number.MAX_SAFE_INTEGER : place;
  return { ...(others as Readonly<Record<string, string>>), place: asOf, namespace, limit: rows };
};

const failureOf = (error: unknown): unknown => {
  if (!(error instanceof Neo4jFailure)) return error;
  if (error.kind === "limit") {
    const hint = "ask for less: of one mission";
    return new GrpcFailure(grpcStatus.resourceExhausted, `the question takes too much of the graph; ${hint}`);
  }
  return new GrpcFailure(grpcStatus.unavailable, `the graph does not answer: ${error.message}`, RETRY_MS);
};

type Reading = { readonly cypher: string; readonly bound: Parameters; readonly signal: AbortSignal };

async function* found(client: Pick<GraphClient, "read">, { cypher, bound, signal }: Reading, timeoutMs: number) {
  try {
    const rows = await client.read<AnswerBatch["rows"][number]>(cypher, bound, { signal, timeoutMs });
    yield { rows, bytes: 0, rowsRead: rows.length, bytesRead: 0 };
  } catch (error) {
    throw failureOf(error);
  }
}

/** The graph as a store that answers questions, each within `timeoutMs`. */
export const createGraphStore = (client: Pick<GraphClient, "read" | "close">, timeoutMs = TIME_MS): ReadStore => ({
  name: "graph",
  questions: graphQuestions,
  answer: ({ name }, asked): Answer => {
    const query = queries.find(({ question }) => question.name === name);
    if (query === undefined) throw new Error(`the graph does not answer "${name}"`);
    const bound = boundOf(asked);
    return {
      statement: query.cypher,
      bound,
      batches: found(client, { cypher: query.cypher, bound, signal: asked.signal }, timeoutMs),
    };
  },
  // Of a graph that is away its own questions tell; those of the ledger go on.
  trouble: () => Promise.resolve(undefined),
  close: () => client.close(),
});

/** The graph's line in the registry. */
export const graph: ReadStoreKind<typeof graphSettings> = {
  settings: graphSettings,
  open: (settings) => {
    const client = openGraph(settings);
    return Promise.resolve(client && createGraphStore(client));
  },
};
