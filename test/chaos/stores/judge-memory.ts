import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import {
  memoryKinds,
  type MemoryKind,
  type MemoryProperties,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import { planWrite } from "#pipeline/siphon/memory/plan.ts";
import { projectFrame } from "#pipeline/siphon/memory/project.ts";
import type { TestMemory } from "#test/integration/pipeline/memory-harness.ts";
import type { Violation } from "#test/simulation/checker.ts";

const frameTypes: Readonly<Record<MemoryKind, string>> = {
  lesson: "LESSON",
  decision: "DECISION_RATIONALE",
  diff: "STATE_CHANGE",
};

const inOrder = (properties: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(Object.entries(properties).toSorted(([one], [other]) => (one < other ? -1 : 1)));

const byPlace = (a: MemoryProperties, b: MemoryProperties): number => a.place - b.place;

/** What one look at all frames of a namespace comes to, as no batch ever sees them. */
const wantedOf = (frames: readonly StoredFrame[], kind: MemoryKind, stream: string): MemoryProperties[] =>
  planWrite(
    frames.map((frame) => projectFrame(frame, stream)),
    [],
  )
    .fresh.filter((item) => item.kind === kind)
    .map(({ properties }) => properties)
    .toSorted(byPlace);

type Shelf = { readonly kind: MemoryKind; readonly namespace: string };

const differences = (held: readonly MemoryProperties[], frames: readonly StoredFrame[], { kind }: Shelf): string[] => {
  const wanted = wantedOf(frames, kind, held[0]?.stream ?? "");
  const said = frames.filter(({ envelope }) => envelope.event_type === frameTypes[kind]).length;
  // No two of the load's frames say the same: every one of them is remembered.
  if (wanted.length !== said) return [`${wanted.length} of ${said} frames are to be remembered`];
  if (held.length !== wanted.length) return [`${held.length} are remembered of ${wanted.length}`];
  const at = wanted.findIndex((one, n) => inOrder(one) !== inOrder(held[n] ?? {}));
  return at < 0 ? [] : [`${JSON.stringify(held[at])} instead of ${JSON.stringify(wanted[at])}`];
};

/** Compares each namespace's objects of each kind with the frames. */
export const judgeMemory = async (memory: TestMemory, stream: readonly StoredFrame[]): Promise<Violation[]> => {
  const violations: Violation[] = [];
  for (const [namespace, frames] of Map.groupBy(stream, ({ envelope }) => envelope.namespace)) {
    for (const kind of memoryKinds) {
      const held = await memory.remembered(kind, namespace);
      for (const why of differences(held, frames, { kind, namespace }))
        violations.push({ rule: "the memory holds what the frames say", why: `${kind} in ${namespace}: ${why}` });
    }
  }
  return violations;
};
