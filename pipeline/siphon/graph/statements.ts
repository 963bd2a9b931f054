import { edgeKinds, type EdgeKind, type EventNode, type ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** Which of `$keys` are frames that the graph holds. */
export const findKnown = "UNWIND $keys AS key MATCH (e:Event {key: key}) RETURN e.key AS key";

/** Which of `$keys` are those of frames that were erased: see `ErasedKeys`. */
export const findErased = "UNWIND $keys AS key MATCH (e:Erased {key: key}) RETURN e.key AS key";

/** Answers a row where there is any. */
export const findAnyErased = "MATCH (e:Erased) RETURN e.key AS key LIMIT 1";

/** Keeps keys of erased frames. */
export const keepErased = "UNWIND $keys AS key MERGE (:Erased {key: key})";

/** Which of `$keys` are agents of whom a name is known. */
export const findNamed = "UNWIND $keys AS key MATCH (a:Agent {key: key}) WHERE a.name IS NOT NULL RETURN a.key AS key";

/** Makes nodes that are missing: rows of `{key, properties}`. */
export const mergeThings = (label: ThingLabel): string =>
  `UNWIND $rows AS row MERGE (n:${label} {key: row.key}) ON CREATE SET n += row.properties`;

/** Names agents that were known without a name: rows of `{key, name}`. */
export const nameAgents =
  "UNWIND $rows AS row MATCH (a:Agent {key: row.key}) WHERE a.name IS NULL SET a.name = row.name";

/** Makes the nodes of frames that are not there: rows of `{key, properties}`. */
export const createEvents = (labels: EventNode["labels"]): string =>
  `UNWIND $rows AS row CREATE (n:Event:${labels.join(":")}) SET n = row.properties, n.key = row.key`;

/** Makes edges: rows of `{from, to, stamp}`. A MERGE on a property would read every edge of the pair. */
export const createEdges = (kind: EdgeKind): string => {
  const { from, to, once, type = kind }: { from: string; to: string; once?: true; type?: string } = edgeKinds[kind];
  const ends = `UNWIND $rows AS row MATCH (a:${from} {key: row.from}) MATCH (b:${to} {key: row.to})`;
  return once === true
    ? `${ends} MERGE (a)-[r:${type}]->(b) ON CREATE SET r = row.stamp`
    : `${ends} CREATE (a)-[r:${type}]->(b) SET r = row.stamp`;
};

/** A frame's stamp as an edge has it, of the frame's node `n`. */
const stampOfNode = (n: string): string =>
  `{event: ${n}.key, agent_uid: ${n}.agent_uid, epoch: ${n}.epoch, seq: ${n}.seq, event_id: ${n}.event_id, at: ${n}.at, place: ${n}.place, stream: ${n}.stream, commit: ${n}.commit}`;

// Hints, because plans are made while the database is empty, when a scan of everything looks as good as an index. An order is
// the index's own only where it names all of its properties.

/** The decision that a change names as its cause led to it; answers the changes of which one is there. */
export const ledByParent = `
UNWIND $rows AS row
MATCH (c:Change {key: row.key})
CALL (row) {
  MATCH (d:Decision {agent: row.agent, event_id: row.parent}) USING INDEX d:Decision(agent, event_id)
  RETURN d LIMIT 1
}
CREATE (d)-[r:LED_TO]->(c) SET r = row.stamp
RETURN row.key AS key`;

/** Of other changes it is the last decision of the same agent in the same attempt. */
export const ledByLast = `
UNWIND $rows AS row
MATCH (c:Change {key: row.key})
CALL (row) {
  MATCH (d:Decision) USING INDEX d:Decision(agent, epoch, seq)
  WHERE d.agent = row.agent AND d.epoch = row.epoch AND d.seq < row.seq
  RETURN d ORDER BY d.agent DESC, d.epoch DESC, d.seq DESC LIMIT 1
}
CREATE (d)-[r:LED_TO]->(c) SET r = row.stamp`;

/** What is known of the dependencies of the files `$keys`. */
export const readDependencies = `
UNWIND $keys AS key
MATCH (f:File {key: key})
OPTIONAL MATCH (f)-[d:DEPENDS_ON]->(t:File) WHERE d.valid_to IS NULL
RETURN key, f.dependencies_stream AS stream, f.dependencies_place AS place, collect(t.key) AS on`;

/** Dependencies that are not any more: rows of `{from, to, valid_to, ended_at}`. Before `beginDependencies`. */
export const endDependencies = `
UNWIND $rows AS row
MATCH (:File {key: row.from})-[d:DEPENDS_ON]->(:File {key: row.to}) WHERE d.valid_to IS NULL
SET d.valid_to = row.valid_to, d.ended_at = row.ended_at`;

/** Dependencies that begin: rows of `{from, to, properties}`. */
export const beginDependencies = `
UNWIND $rows AS row
MATCH (f:File {key: row.from}) MATCH (t:File {key: row.to})
CREATE (f)-[d:DEPENDS_ON]->(t) SET d = row.properties`;

/** Where files' dependencies were said last: rows of `{key, stream, place}`. */
export const keepDependenciesSaid = `
UNWIND $rows AS row
MATCH (f:File {key: row.key})
SET f.dependencies_stream = row.stream, f.dependencies_place = row.place`;

/** The changes that are in a proposed commit: of each of its files the last hundred of its agent before it. */
export const changesInCommits = `
UNWIND $rows AS row
MATCH (p:Proposal {key: row.key})-[:PROPOSES]->(k:Commit)
UNWIND row.files AS file
CALL (row, file) {
  MATCH (c:Change) USING INDEX c:Change(file, agent, epoch, seq)
  WHERE c.file = file AND c.agent = row.agent AND c.epoch <= row.epoch AND c.seq IS NOT NULL
    AND (c.epoch < row.epoch OR c.seq < row.seq)
  RETURN c ORDER BY c.file DESC, c.agent DESC, c.epoch DESC, c.seq DESC LIMIT 100
}
MERGE (c)-[r:IN]->(k) ON CREATE SET r = row.stamp`;

const partOf = (proposals: string): string => `
UNWIND $keys AS key
${proposals}
MATCH (p)-[:PROPOSES]->(k:Commit)
MATCH (u)-[:ABOUT]->(q:PullRequest)
WITH k, q, u ORDER BY u.stream, u.place
MERGE (k)-[r:PART_OF]->(q) ON CREATE SET r = ${stampOfNode("u")}`;

/** The proposed commit is part of the pull request, beside the one that was pushed: for publications `$keys`. */
export const proposedInPublished = partOf("MATCH (u:Publication {key: key}) MATCH (p:Proposal {key: u.proposal})");

/** The same for proposals `$keys`, whose answer may have come to the stream before them when that was made anew. */
export const publishedOfProposed = partOf(
  "MATCH (p:Proposal {key: key}) MATCH (u:Publication {proposal: key}) USING INDEX u:Publication(proposal)",
);

/** The newest word on a pull request holds: rows of `{publication, state, stream, place}`, in order. */
export const keepPullRequestState = `
UNWIND $rows AS row
MATCH (:Publication {key: row.key})-[:ABOUT]->(q:PullRequest)
WHERE q.state_stream IS NULL OR q.state_stream < row.stream
  OR q.state_stream = row.stream AND q.state_place < row.place
SET q.state = row.state, q.state_stream = row.stream, q.state_place = row.place`;

/** Messages `$keys` that name an agent of their mission told it; of one name a hundred agents at most. */
export const tellNamed = `
UNWIND $keys AS key
MATCH (m:Message {key: key})
MATCH (s:Agent {key: m.agent})
CALL (m, s) {
  MATCH (t:Agent {mission: m.mission, name: m.to}) USING INDEX t:Agent(mission, name) WHERE t <> s
  RETURN t LIMIT 100
}
CREATE (s)-[r:TOLD]->(t) SET r = ${stampOfNode("m")}`;

/** Agents `$agents` that got their name after they were written to: the messages to them but those of `$keys`, a thousand at most. */
export const tellLateNamed = `
UNWIND $agents AS agent
MATCH (t:Agent {key: agent})
CALL (t) {
  MATCH (m:Message {mission: t.mission, to: t.name}) USING INDEX m:Message(mission, to) WHERE NOT m.key IN $keys
  MATCH (s:Agent {key: m.agent}) WHERE t <> s
  RETURN m, s LIMIT 1000
}
CREATE (s)-[r:TOLD]->(t) SET r = ${stampOfNode("m")}`;

/** Kept cuts, newest first. */
export const readCuts =
  "MATCH (c:Cut) RETURN c.number AS number, c.stream AS stream, c.from AS from, c.to AS to, c.hash AS hash ORDER BY number DESC";

/** Keeps a cut in its slot; one that was begun later stays, as a sink that was killed may come behind the next one. */
export const keepCut = `
MERGE (c:Cut {key: $key})
WITH c WHERE c.number IS NULL OR c.number < $cut.number
SET c += $cut`;

/** Forgets every cut. */
export const forgetCuts = "MATCH (c:Cut) DELETE c";
