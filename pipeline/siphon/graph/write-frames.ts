import type { RunStatement } from "#nervous-system/stores/neo4j/graph-client.ts";
import { edgeKinds, type Projected, type Thing } from "#pipeline/siphon/graph/model.ts";
import { firstOfEach, labelled, stampOnEdge } from "#pipeline/siphon/graph/rows.ts";
import * as statements from "#pipeline/siphon/graph/statements.ts";
import { writeDependencies } from "#pipeline/siphon/graph/write-dependencies.ts";
import {
  writeDecisionsLedTo,
  writeProposals,
  writePublications,
  writeTold,
} from "#pipeline/siphon/graph/write-links.ts";

const keysOf = (rows: ReadonlyArray<{ readonly key: string }>): string[] => rows.map(({ key }) => key);

const asked = async (run: RunStatement, statement: string, keys: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set(keysOf(await run<{ key: string }>(statement, { keys })));

const writeThings = async (run: RunStatement, things: readonly Thing[]): Promise<void> => {
  for (const [label, rows] of Map.groupBy(things, ({ label }) => label))
    await run(statements.mergeThings(label), { rows: firstOfEach(rows) });
};

const writeEvents = async (run: RunStatement, frames: readonly Projected[]): Promise<void> => {
  const groups = Map.groupBy(frames, ({ event }) => event.labels.join(":"));
  for (const group of groups.values()) {
    const rows = group.map(({ event: { key, stamp, properties } }) => ({
      key,
      properties: { ...properties, ...stamp },
    }));
    await run(statements.createEvents(group[0]?.event.labels ?? []), { rows });
  }
};

const writeEdges = async (run: RunStatement, frames: readonly Projected[]): Promise<void> => {
  const edges = frames.flatMap((frame) => {
    const stamp = stampOnEdge(frame);
    return frame.edges.map((edge) => ({ ...edge, stamp }));
  });
  for (const [kind, group] of Map.groupBy(edges, ({ kind }) => kind)) {
    const rows = group.map(({ from, to, stamp }) => ({ key: `${from} ${to}`, from, to, stamp }));
    await run(statements.createEdges(kind), { rows: "once" in edgeKinds[kind] ? firstOfEach(rows) : rows });
  }
};

type NamedAgent = { readonly key: string; readonly name: string };

const namedIn = (things: readonly Thing[]): NamedAgent[] =>
  firstOfEach(
    things.flatMap(({ label, key, properties: { name } }) =>
      label === "Agent" && typeof name === "string" ? [{ key, name }] : [],
    ),
  );

/** Names the agents that have none yet, and answers their keys. */
const nameAgents = async (run: RunStatement, agents: readonly NamedAgent[]): Promise<readonly string[]> => {
  const known = await asked(run, statements.findNamed, keysOf(agents));
  const rows = agents.filter(({ key }) => !known.has(key));
  if (rows.length > 0) await run(statements.nameAgents, { rows });
  return keysOf(rows);
};

/**
 * Writes those of the frames that the graph does not hold, in the order of the stream, in the transaction of `run`. A frame
 * that it holds changes nothing, wherever it stands now; so everything behind the first step makes what is not there.
 */
export const writeFrames = async (run: RunStatement, given: readonly Projected[]): Promise<void> => {
  const batch = firstOfEach(given.map((frame) => ({ key: frame.event.key, frame })));
  const known = await asked(run, statements.findKnown, keysOf(batch));
  const frames = batch.filter(({ key }) => !known.has(key)).map(({ frame }) => frame);
  if (frames.length === 0) return;
  const things = frames.flatMap(({ things }) => things);
  // A name is given by itself, so that messages which came before it are told then.
  await writeThings(run, things.map(unnamed));
  const lateNamed = await nameAgents(run, namedIn(things));
  await writeEvents(run, frames);
  await writeEdges(run, frames);
  await writeDecisionsLedTo(run, labelled(frames, "Change"));
  await writeDependencies(run, frames);
  await writeProposals(run, labelled(frames, "Proposal"));
  await writePublications(run, labelled(frames, "Publication"));
  await writeTold(run, labelled(frames, "Message"), lateNamed);
};

const unnamed = (thing: Thing): Thing =>
  thing.label === "Agent" ? { ...thing, properties: { ...thing.properties, name: undefined } } : thing;
