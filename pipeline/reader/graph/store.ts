import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { dependents } from "#nervous-system/schemas/questions/dependents.ts";
import type { Question } from "#nervous-system/schemas/questions/define-question.ts";
import { reverted } from "#nervous-system/schemas/questions/reverted.ts";
import { Neo4jFailure } from "#nervous-system/stores/neo4j/failure.ts";
import type { GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";
import type { Parameters } from "#nervous-system/stores/neo4j/parameters.ts";
import type { Answer, AnswerBatch, Asked, ReadStore, ReadStoreKind } from "#pipeline/reader/answer.ts";
import { graphSettings, openGraph } from "#pipeline/siphon/graph/open-graph.ts";

type GraphQuery = { readonly question: Question; readonly cypher: string };

const RETRY_MS = 1_000;

/** What the graph answers, each by one constant statement: what somebody asks for is bound to `$name`. */
const queries: readonly GraphQuery[] = [
  {
    question: dependents,
    cypher: `MATCH (target:File {namespace: $namespace, path: $path})
MATCH (m:Mission {namespace: $namespace, uid: target.mission_uid}) WHERE $mission = '' OR m.name = $mission
MATCH path = (f:File)-[:DEPENDS_ON*1..8]->(target)
WHERE all(d IN relationships(path) WHERE d.valid_from <= $place AND coalesce(d.valid_to > $place, true))
WITH m, f, min(length(path)) AS steps
RETURN f.path AS file, coalesce(m.name, '') AS mission, steps ORDER BY steps, file, mission LIMIT toInteger($limit)`,
  },
  {
    question: reverted,
    cypher: `MATCH (:Persona {namespace: $namespace, name: $persona})<-[:HAS_PERSONA]-(a:Agent)-[:MODIFIED]->(f:File)
MATCH (f)<-[:OF]-(:Change {agent: a.key})-[:IN]->(:Commit)-[:PART_OF]->(p:PullRequest)
MATCH (p)<-[:PART_OF]-(:Commit)<-[r:REVERTED]-(:Rollback)
WITH f, a, p, max(r.at) AS rolled_back
RETURN f.path AS file, coalesce(a.name, '') AS agent, p.url AS pull_request, rolled_back
ORDER BY rolled_back DESC, file LIMIT toInteger($limit)`,
  },
];

/** What the graph answers. */
export const graphQuestions: readonly Question[] = queries.map(({ question }) => question);

const boundOf = ({ namespace, values, rows }: Asked): Parameters => {
  const { place, ...others } = values;
  const asOf = place === undefined || place === 0 ? Number.MAX_SAFE_INTEGER : place;
  return { ...(others as Readonly<Record<string, string>>), place: asOf, namespace, limit: rows };
};

async function* found(client: Pick<GraphClient, "run">, cypher: string, bound: Parameters) {
  try {
    const rows = await client.run<AnswerBatch["rows"][number]>(cypher, bound);
    yield { rows, bytes: 0, rowsRead: rows.length, bytesRead: 0 };
  } catch (error) {
    if (!(error instanceof Neo4jFailure)) throw error;
    throw new GrpcFailure(grpcStatus.unavailable, `the graph does not answer: ${error.message}`, RETRY_MS);
  }
}

/** The graph as a store that answers questions. */
export const createGraphStore = (client: Pick<GraphClient, "run" | "close">): ReadStore => ({
  name: "graph",
  questions: graphQuestions,
  answer: ({ name }, asked): Answer => {
    const query = queries.find(({ question }) => question.name === name);
    if (query === undefined) throw new Error(`the graph does not answer "${name}"`);
    const bound = boundOf(asked);
    return { statement: query.cypher, bound, batches: found(client, query.cypher, bound) };
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
