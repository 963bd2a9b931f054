import type { RunStatement } from "#nervous-system/stores/neo4j/graph-client.ts";
import { createKeptTest } from "#pipeline/siphon/erased-frames.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { frameKey } from "#pipeline/siphon/graph/keys.ts";

// What a frame's words made of the graph goes; what follows from its envelope stays: its node, whose it is, and what led to what.

/** Things that the frames `$keys` speak of, whose edges of theirs are cut, each with the key of its frame. */
const findThings = `
UNWIND $keys AS key
MATCH (e:Event {key: key})
CALL (e) {
  MATCH (e)-[:OF|PROPOSES|ABOUT|ROLLED_OUT|REVERTED]->(thing) RETURN thing
  UNION
  MATCH (:Agent {key: e.agent})-[r:RAN]->(thing:Image) WHERE r.event = e.key RETURN thing
  UNION
  MATCH (e)-[:OF]->(:File)-[r:DEPENDS_ON]->(thing:File) WHERE r.event = e.key RETURN thing
}
RETURN DISTINCT key, labels(thing)[0] AS label, thing.key AS thing`;

/** Edges that follow from the words of the frames `$keys`, at their nodes and at their agents. */
const cutOwnEdges = `
UNWIND $keys AS key
MATCH (e:Event {key: key})
CALL (e) {
  MATCH (e)-[r:OF|PROPOSES|ABOUT|ROLLED_OUT|REVERTED]->() RETURN r
  UNION
  MATCH (:Agent {key: e.agent})-[r:RAN|TOLD]->() WHERE r.event = e.key RETURN r
}
DELETE r`;

/** Edges of `{key, thing}` between the things of a frame and others that follow from its words. */
const cutEdgesOf = (label: string): string => `
UNWIND $rows AS row
MATCH (:${label} {key: row.thing})-[r:MODIFIED|PART_OF|IN|DEPENDS_ON]-()
WHERE r.event = row.key
WITH DISTINCT r
DELETE r`;

/** Things `$rows` that nothing else speaks of. */
const dropAlone = (label: string): string => `
UNWIND $rows AS row
MATCH (t:${label} {key: row.thing}) WHERE NOT (t)--()
DELETE t`;

/** What the envelope says of a frame, and no more. */
const forgetWords = `
UNWIND $keys AS key
MATCH (e:Event {key: key})
SET e = {key: e.key, agent: e.agent, namespace: e.namespace, mission: e.mission, mission_uid: e.mission_uid,
  lineage: e.lineage, parent: e.parent, hash: e.hash, agent_uid: e.agent_uid, epoch: e.epoch, seq: e.seq,
  event_id: e.event_id, at: e.at, place: e.place, stream: e.stream, erased: true}
REMOVE e:Rollback`;

/** Nodes of these keys, as far as they tell which frame they are. */
const findEvents = `
UNWIND $keys AS key
MATCH (e:Event {key: key})
RETURN e.key AS key, e.namespace AS namespace, e.agent_uid AS agent_uid, e.epoch AS epoch, e.seq AS seq, e.event_id AS event_id`;

type Found = Parameters<ReturnType<typeof createKeptTest>>[1] & { readonly key: string; readonly namespace: string };

type Thing = { readonly key: string; readonly label: string; readonly thing: string };

// Nodes of these labels are of frames alone. A mission, an agent and a persona are known by envelopes, too.
const labels: ReadonlySet<string> = new Set(["File", "Commit", "PullRequest", "Image"]);

/** Erases what these frames say, in the transaction of `run`: what is left is what an erased frame gives. */
export const eraseFrames = async (run: RunStatement, erasures: readonly Erasure[]): Promise<void> => {
  const isMeant = createKeptTest(erasures);
  const found = await run<Found>(findEvents, { keys: erasures.map(frameKey) });
  // A node's key is its place, at which another frame may stand than the one that is meant.
  const keys = found.filter((one) => isMeant(one.namespace, one)).map(({ key }) => key);
  const things = await run<Thing>(findThings, { keys });
  await run(cutOwnEdges, { keys });
  for (const [label, rows] of Map.groupBy(things, (one) => one.label)) {
    if (!labels.has(label)) continue;
    await run(cutEdgesOf(label), { rows });
    await run(dropAlone(label), { rows });
  }
  await run(forgetWords, { keys });
};
