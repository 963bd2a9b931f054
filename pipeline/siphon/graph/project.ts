import { parseProduced, readPayload, tell } from "#nervous-system/fold/read-frame.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import { eventKeyOf } from "#pipeline/siphon/graph/keys.ts";
import type { Projected, Properties, Stamp, Thing } from "#pipeline/siphon/graph/model.ts";
import { projections } from "#pipeline/siphon/graph/projections.ts";
import { agentOf, missionOf, nameOf, personaOf } from "#pipeline/siphon/graph/things.ts";

const stampOf = ({ envelope, place }: StoredFrame, stream: string, commit: string | undefined): Stamp => {
  const { agent_uid, epoch, seq, event_id, observed } = envelope;
  const at = renderTimestamp(BigInt(observed));
  return { agent_uid, epoch, seq, event_id, at, place, stream, commit: nameOf(commit) };
};

/** Who acts and for whom; the chain of a component is no agent's. */
const actors = (envelope: Envelope, mission: Thing, agent: Thing): Pick<Projected, "things" | "edges"> => {
  const { producer, persona = "" } = envelope;
  if (producer !== "agent" && producer !== "scribe") return { things: [mission], edges: [] };
  const personas = persona === "" ? [] : [personaOf(envelope, persona)];
  return {
    things: [mission, agent, ...personas],
    edges: [
      { kind: "TRIGGERED_ACTION", from: mission.key, to: agent.key },
      ...personas.map(({ key }) => ({ kind: "HAS_PERSONA", from: agent.key, to: key }) as const),
    ],
  };
};

/** What is known of a frame, whatever it says. */
const recordedOf = ({ envelope, hash, bytes }: StoredFrame): Properties => {
  const { namespace, mission_uid, lineage, parent_event_id: parent } = envelope;
  const erased = erasedDigest(bytes) === undefined ? undefined : true;
  return { namespace, mission_uid, lineage, parent, hash, erased };
};

/** What the graph takes from a frame of stream `stream`; undefined of a type that is not in it. Never throws, whatever the frame's bytes are. */
export const project = (frame: StoredFrame, stream: string): Projected | undefined => {
  const { envelope, principal } = frame;
  const produced = parseProduced(frame.bytes);
  const mission = missionOf(envelope);
  const agent = agentOf(envelope, produced?.agent_id);
  const key = eventKeyOf(envelope, principal);
  const context = { envelope, event: key, agent: agent.key, mission: mission.key };
  const told = tell(projections, readPayload(envelope.event_type, produced?.payload))?.(context);
  if (told === undefined) return undefined;
  const { labels, properties, things = [], edges = [], dependencies = [], proposedFiles = [] } = told;
  const stamp = stampOf(frame, stream, produced?.related_commit_hash);
  const acting = actors(envelope, mission, agent);
  return {
    event: {
      labels,
      key,
      stamp,
      properties: { ...properties, agent: agent.key, ...recordedOf(frame) },
    },
    things: [...acting.things, ...things],
    edges: [...acting.edges, ...edges],
    dependencies,
    proposedFiles,
  };
};

// As `changesInCommits` limits them.
const CHANGES_OF_PROPOSED_FILE = 100;

const rowsOf = ({ things, edges, dependencies, proposedFiles }: Projected): number =>
  things.length + edges.length + dependencies.length + proposedFiles.length * CHANGES_OF_PROPOSED_FILE + 1;

/**
 * What the graph takes from frames, in groups of at most `maxRows` nodes and edges, unless a single frame has more: a frame
 * names up to 500 files, so that a batch may come to a million rows. No group is made before it is taken.
 */
export function* projectInGroups(
  frames: readonly StoredFrame[],
  stream: string,
  maxRows: number,
): Generator<readonly Projected[]> {
  let group: Projected[] = [];
  let rows = 0;
  for (const frame of frames) {
    const projected = project(frame, stream);
    if (projected === undefined) continue;
    if (group.length > 0 && rows + rowsOf(projected) > maxRows) {
      yield group;
      [group, rows] = [[], 0];
    }
    group.push(projected);
    rows += rowsOf(projected);
  }
  if (group.length > 0) yield group;
}
