import type { CollectionDefinition } from "#nervous-system/stores/weaviate/collection.ts";

/** What the memory keeps, each kind in a collection of its own with a tenant for each namespace. */
export const memoryKinds = ["lesson", "decision", "diff"] as const;

/** A kind of memory. */
export type MemoryKind = (typeof memoryKinds)[number];

/** Name of each kind's collection. */
export const memoryCollections: Readonly<Record<MemoryKind, string>> = {
  lesson: "Lesson",
  decision: "Decision",
  diff: "CodeDiff",
};

/** The properties of an object of the memory: where it is from, what it says, and from which place of the stream to which it holds. */
export type MemoryProperties = {
  readonly text: string;
  /** Hash of what makes it the same as another. */
  readonly fingerprint: string;
  /** Hash of its frame. */
  readonly hash: string;
  readonly event_id: string;
  readonly agent_uid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly mission_uid: string;
  readonly mission: string;
  /** Recorder's time, Unix nanoseconds as decimal text. */
  readonly observed: string;
  readonly libraries: readonly string[];
  readonly files: readonly string[];
  /** Event ids that it rests on. */
  readonly sources: readonly string[];
  readonly place: number;
  /** When the stream was created that `place` is of; empty where an older siphon wrote it. */
  readonly stream: string;
  /** Place of the frame by which it counts as accepted or retired; `never` until then. */
  readonly accepted_place: number;
  readonly retired_place: number;
  /** Event ids of frames that told the same lesson again, and beside each of them, as JSON, when and whose that was. */
  readonly told_events: readonly string[];
  readonly told_at: readonly string[];
  /** What was said about it, each as JSON: what, when and by whom. */
  readonly marks: readonly string[];
  /** `yes` where its vector is to be made later, `no` where it has one or will never. */
  readonly vector_due: "yes" | "no";
};

/** A place that no stream reaches: what was not accepted, or not retired. */
export const never = Number.MAX_SAFE_INTEGER;

const properties = {
  text: "words",
  fingerprint: "exact",
  hash: "stored",
  event_id: "exact",
  agent_uid: "exact",
  epoch: "range",
  seq: "range",
  mission_uid: "exact",
  mission: "exact",
  observed: "stored",
  libraries: "exacts",
  files: "exacts",
  sources: "exacts",
  place: "range",
  accepted_place: "range",
  retired_place: "range",
  stream: "stored",
  told_events: "exacts",
  told_at: "storeds",
  marks: "storeds",
  vector_due: "exact",
} as const satisfies Readonly<Record<keyof MemoryProperties, CollectionDefinition["properties"][string]>>;

const absent: Partial<MemoryProperties> = {
  stream: "",
  libraries: [],
  files: [],
  sources: [],
  told_events: [],
  told_at: [],
  marks: [],
  vector_due: "no",
};

/** The properties of an object that was found: an empty list comes back as none, and an older siphon wrote fewer. */
export const memoryPropertiesOf = (found: Readonly<Record<string, unknown>>): MemoryProperties => {
  const there = Object.entries(found).filter(([, value]) => value !== undefined && value !== null);
  return { ...absent, ...Object.fromEntries(there) } as MemoryProperties;
};

const descriptions: Readonly<Record<MemoryKind, string>> = {
  lesson: "What agents learned.",
  decision: "What agents decided, and why.",
  diff: "What agents changed in files.",
};

/** The name that vectors of an embedder have in Weaviate, which knows no `-` there. */
export const vectorNameOf = ({ name }: { readonly name: string }): string => name.replaceAll("-", "_");

/** The collections of the memory, with the vectors of one embedder; those of another stay beside them. */
export const memoryDefinitions = (vector: string): readonly CollectionDefinition[] =>
  memoryKinds.map((kind) => ({
    name: memoryCollections[kind],
    description: descriptions[kind],
    properties,
    tenants: true,
    vector,
  }));
