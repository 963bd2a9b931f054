import { dependents as question } from "#nervous-system/schemas/questions/dependents.ts";
import type { GraphQuery } from "./define-query.ts";

const holds = (dependency: string): string =>
  `${dependency}.valid_from <= $place AND coalesce(${dependency}.valid_to > $place, true)`;

const direct = `MATCH (f)-[d:DEPENDS_ON]->(target) WHERE ${holds("d")}`;

// The files of that path are collected before anything is searched from them: else the planner searches from those of all missions,
// and chooses among these afterwards. Nearer files are answered first, so where those of one step are enough no others are looked
// for. Only where the condition is said of the relationships themselves is every file visited once, nearest first; said of the
// path's, each of its ways would be walked, of which there are millions.
/** Answers `dependents`. */
export const dependents: GraphQuery = {
  question,
  cypher: `MATCH (target:File {namespace: $namespace, path: $path})
MATCH (m:Mission {namespace: $namespace, uid: target.mission_uid}) WHERE $mission = '' OR m.name = $mission
WITH collect([m, target]) AS starts
CALL (starts) {
  UNWIND starts AS start WITH start[1] AS target
  RETURN sum(COUNT { ${direct} RETURN DISTINCT f }) >= toInteger($limit) AS is_enough
}
UNWIND starts AS start WITH start[0] AS m, start[1] AS target, is_enough
CALL (target, is_enough) {
  WITH target, is_enough WHERE is_enough
  ${direct} RETURN DISTINCT f, 1 AS steps
  UNION ALL
  WITH target, is_enough WHERE NOT is_enough
  MATCH path = (f)-[rs:DEPENDS_ON*1..8]->(target) WHERE all(d IN rs WHERE ${holds("d")})
  RETURN f, min(length(path)) AS steps
}
WITH m, f, steps ORDER BY steps, f.path, m.name LIMIT toInteger($limit)
OPTIONAL MATCH (f)-[d:DEPENDS_ON]->(t:File) WHERE ${holds("d")}
RETURN f.path AS file, coalesce(m.name, '') AS mission, steps, collect(t.path) AS depends_on
ORDER BY steps, file, mission`,
};
