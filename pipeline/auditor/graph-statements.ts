import { edgeKinds, type EdgeKind, type ThingLabel } from "#pipeline/siphon/graph/model.ts";

/** Nodes of frames, of rows `{key, properties}`; `same` says whether they say what they should, but for where it was stored. */
export const findEvents = `
UNWIND $rows AS row
MATCH (e:Event {key: row.key})
WITH e, row.properties AS expected
RETURN e.key AS key, labels(e) AS labels, e.hash AS hash,
  coalesce(properties(e) = expected{.*, place: e.place, stream: e.stream}, false) AS same`;

/** Nodes of things, of rows `{key, properties}`, of which those are compared. */
export const findThings = (label: ThingLabel): string => `
UNWIND $rows AS row
MATCH (n:${label} {key: row.key})
RETURN n.key AS key, labels(n) = ['${label}'] AND
  all(name IN keys(row.properties) WHERE coalesce(n[name] = row.properties[name], false)) AS same`;

/** Counts the edges of rows `{from, to, events}`; of a kind of which there is one a pair, whichever frame it followed from. */
export const countEdges = (kind: EdgeKind): string => {
  const { from, to, once, type = kind }: { from: string; to: string; once?: true; type?: string } = edgeKinds[kind];
  return `
UNWIND $rows AS row
MATCH (a:${from} {key: row.from})-[r:${type}]->(b:${to} {key: row.to})${once === true ? "" : " WHERE r.event IN row.events"}
RETURN row.from AS from, row.to AS to, count(r) AS count`;
};

// What somebody wrote may be no text, or a very long one.
const shown = (expression: string): string => `left(toStringOrNull(${expression}), 2000)`;

const MOST_STRAYS = 1000;

/** Edges at nodes of frames, of rows `{key, edges}`, that are none of those `[type, from, to]`, nor follow from other frames, too. */
export const straysAtEvents = `
UNWIND $rows AS row
MATCH (e:Event {key: row.key})-[r]-()
WITH row, e, r, startNode(r) AS a, endNode(r) AS b
WHERE NOT CASE type(r)
  WHEN 'LED_TO' THEN coalesce(a:Decision AND b:Change AND a.agent = b.agent AND r.event = b.key, false)
  WHEN 'IN' THEN a:Change AND b:Commit AND EXISTS {
    MATCH (p:Proposal {key: r.event})-[:PROPOSES]->(b) WHERE p.agent = a.agent
  }
  ELSE coalesce([type(r), a.key, b.key] IN row.edges, false) END
RETURN DISTINCT type(r) AS type, ${shown("a.key")} AS from, ${shown("b.key")} AS to, row.key AS event LIMIT ${MOST_STRAYS}`;

/** Edges from agents `$keys` to what they are and ran, by the frame that each says it follows from. */
export const edgesOfAgents = `
UNWIND $keys AS key
MATCH (a:Agent {key: key})-[r:HAS_PERSONA|RAN]->(b)
RETURN type(r) AS type, a.key AS from, ${shown("b.key")} AS to, ${shown("r.event")} AS event LIMIT 50000`;

/** Commits of pull requests `$keys` which no proposal became, by the frame that each edge says it follows from. */
export const commitsOfPullRequests = `
UNWIND $keys AS key
MATCH (q:PullRequest {key: key})<-[r:PART_OF]-(c)
WHERE NOT EXISTS {
  MATCH (u:Publication {key: r.event}) MATCH (p:Proposal {key: u.proposal})
  WHERE p.erased = true OR EXISTS { MATCH (p)-[:PROPOSES]->(c) }
}
RETURN type(r) AS type, ${shown("c.key")} AS from, q.key AS to, ${shown("r.event")} AS event LIMIT 50000`;

/** The next nodes of frames. */
export const nodesBehind = `
MATCH (e:Event) USING INDEX e:Event(key) WHERE e.key > $key
RETURN e.key AS key, e.namespace AS namespace, e.agent_uid AS agentUid, e.epoch AS epoch, e.seq AS seq,
  e.event_id AS eventId, e.place AS place, e.stream AS stream
ORDER BY e.key LIMIT toInteger($most)`;

/** Key of the node at the end of the next page of a label. */
export const endOfPage = (label: ThingLabel): string => `
MATCH (n:${label}) USING INDEX n:${label}(key) WHERE n.key > $key
WITH n.key AS key ORDER BY n.key LIMIT toInteger($most)
RETURN max(key) AS last`;

/** Edges between things, out of those of a page, that do not follow from the frame of which they say that they do. */
export const straysOutOf = (label: ThingLabel): string => `
MATCH (a:${label}) USING INDEX a:${label}(key) WHERE a.key > $key AND a.key <= $last
MATCH (a)-[r]->(b) WHERE NOT b:Event
OPTIONAL MATCH (e:Event {key: r.event})
WITH a, r, b, e
WHERE NOT coalesce(CASE type(r)
  WHEN 'TRIGGERED_ACTION' THEN a:Mission AND b:Agent AND e.agent = b.key AND e.mission_uid = a.uid
  WHEN 'HAS_PERSONA' THEN a:Agent AND b:Persona AND e.agent = a.key
  WHEN 'MODIFIED' THEN a:Agent AND b:File AND e:Change AND e.agent = a.key AND e.file = b.key
  WHEN 'RAN' THEN a:Agent AND b:Image AND e:Lifecycle AND e.agent = a.key
  WHEN 'TOLD' THEN a:Agent AND b:Agent AND e:Message AND e.agent = a.key AND e.to = b.name
  WHEN 'PART_OF' THEN a:Commit AND b:PullRequest AND EXISTS { MATCH (e)-[:ABOUT]->(b) }
  WHEN 'DEPENDS_ON' THEN a:File AND b:File AND e:Change AND e.file = a.key
  ELSE false END, false)
RETURN DISTINCT type(r) AS type, a.key AS from, ${shown("b.key")} AS to, coalesce(${shown("r.event")}, '') AS event LIMIT ${MOST_STRAYS}`;
