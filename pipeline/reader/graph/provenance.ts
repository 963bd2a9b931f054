import { provenance as question } from "#nervous-system/schemas/questions/provenance.ts";
import type { GraphQuery } from "./define-query.ts";

// A file is modified by an agent once a frame: it comes to its changes once all the same.
const changes = "MATCH (g)-[:MODIFIED]->(f:File) WITH DISTINCT g, f MATCH (f)<-[o:OF]-(c:Change {agent: g.key})";

const kindOf = (n: string): string => `CASE WHEN ${n}:Mission THEN 'mission' WHEN ${n}:Agent THEN 'agent'
    WHEN ${n}:Rollback THEN 'rollback' WHEN ${n}:Decision THEN 'decision' WHEN ${n}:Change THEN 'change'
    WHEN ${n}:File THEN 'file' WHEN ${n}:Commit THEN 'commit' ELSE 'pull request' END`;

const lines = (n: string, member: string, sign: string): string =>
  `CASE WHEN ${n}.${member} IS NULL THEN '' ELSE ' ${sign}' + toString(toInteger(${n}.${member})) END`;

// Only nodes of frames know whether they are erased.
const textOf = (
  n: string,
): string => `CASE WHEN ${n}.erased THEN '(erased)' WHEN ${n}:Mission THEN coalesce(${n}.name, ${n}.uid)
    WHEN ${n}:Agent THEN coalesce(${n}.name, ${n}.uid)
    WHEN ${n}:Rollback THEN coalesce(${n}.title, ${n}.reason, '')
    WHEN ${n}:Decision THEN coalesce(${n}.selected_strategy + ': ', '') + coalesce(${n}.reasoning, '')
    WHEN ${n}:Change THEN coalesce(${n}.change, 'changed') + ${lines(n, "lines_added", "+")} + ${lines(n, "lines_removed", "-")}
    WHEN ${n}:File THEN coalesce(${n}.path, '') WHEN ${n}:Commit THEN coalesce(${n}.sha, '')
    ELSE coalesce(${n}.url, '') + coalesce(' (' + ${n}.state + ')', '') END`;

/** Answers `provenance`. */
export const provenance: GraphQuery = {
  question,
  cypher: `MATCH (m:Mission {namespace: $namespace, name: $mission})-[t:TRIGGERED_ACTION]->(g:Agent)
CALL (m, t, g) {
  RETURN m AS a, 'has' AS relation, t.place AS place, g AS b
  UNION ALL MATCH (g)-[r:DECIDED]->(b:Decision) RETURN g AS a, 'decided' AS relation, r.place AS place, b
  UNION ALL ${changes}
  OPTIONAL MATCH (d:Decision)-[:LED_TO]->(c)
  RETURN coalesce(d, g) AS a, CASE WHEN d IS NULL THEN 'made' ELSE 'led to' END AS relation, o.place AS place, c AS b
  UNION ALL ${changes} RETURN c AS a, 'of' AS relation, o.place AS place, f AS b
  UNION ALL ${changes} MATCH (c)-[r:IN]->(k:Commit) RETURN c AS a, 'in' AS relation, r.place AS place, k AS b
  UNION ALL ${changes} MATCH (c)-[:IN]->(k:Commit) WITH DISTINCT k MATCH (k)-[r:PART_OF]->(q:PullRequest)
  RETURN k AS a, 'part of' AS relation, r.place AS place, q AS b
  UNION ALL ${changes} MATCH (c)-[:IN]->(:Commit)-[:PART_OF]->(q:PullRequest)
  WITH DISTINCT q MATCH (q)<-[:PART_OF]-(:Commit)<-[r:REVERTED]-(b:Rollback)
  RETURN q AS a, 'taken back by' AS relation, r.place AS place, b
}
WITH a, b, relation, min(place) AS place
RETURN place, ${kindOf("a")} AS from_kind, ${textOf("a")} AS from, relation,
  ${kindOf("b")} AS to_kind, ${textOf("b")} AS to, a.key AS from_id, b.key AS to_id
ORDER BY place, from_id, to_id LIMIT toInteger($limit)`,
};
