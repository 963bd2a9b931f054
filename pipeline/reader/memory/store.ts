import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { recall as question } from "#nervous-system/schemas/questions/recall.ts";
import { memoryCollections, memoryKinds, vectorNameOf } from "#nervous-system/stores/weaviate/memory-collections.ts";
import { WeaviateFailure } from "#nervous-system/stores/weaviate/weaviate-failure.ts";
import type { Answer, AnswerBatch, Asked, ReadStore, ReadStoreKind } from "#pipeline/reader/answer.ts";
import { closeMemory, memorySettings, openMemory, type Memory } from "#pipeline/siphon/memory/open-memory.ts";
import { recall, type RecallQuery } from "./recall.ts";

const RETRY_MS = 1_000;
/** More than anybody reads of what fits less and less; one more tells that there are more. */
const MAX_HITS = 100;

/** What the memory answers. */
export const memoryQuestions = [question] as const;

const kindOf = (given: unknown): RecallQuery["kind"] => {
  const kind = memoryKinds.find((one) => one === (given === "" ? "lesson" : given));
  if (kind !== undefined) return kind;
  throw new GrpcFailure(grpcStatus.invalidArgument, `parameter "kind": give one of ${memoryKinds.join(", ")}`);
};

const queryOf = ({ namespace, values, rows }: Asked): RecallQuery => {
  const { what, kind, libraries, paths, place } = values;
  return {
    namespace,
    text: what as string,
    kind: kindOf(kind),
    libraries: libraries as readonly string[],
    files: paths as readonly string[],
    limit: Math.min(rows, MAX_HITS + 1),
    ...(place === 0 ? {} : { asOf: place as number }),
  };
};

async function* found(memory: Memory, query: RecallQuery, signal: AbortSignal): AsyncGenerator<AnswerBatch> {
  try {
    const { hits, byWordsOnly } = await recall(memory, query, signal);
    const found_by = byWordsOnly === undefined ? "words and meaning" : `words alone: ${byWordsOnly}`;
    const rows = hits.map(({ score, text, accepted, outcome, mission, place, libraries, files, sources, eventId }) => {
      return { score, text, accepted, outcome, mission, place, libraries, files, sources, found_by, event_id: eventId };
    });
    yield { rows, bytes: 0, rowsRead: hits.length, bytesRead: 0 };
  } catch (error) {
    if (!(error instanceof WeaviateFailure)) throw error;
    throw new GrpcFailure(grpcStatus.unavailable, `the memory does not answer: ${error.message}`, RETRY_MS);
  }
}

/** The memory as a store that answers questions. */
export const createMemoryStore = (memory: Memory): ReadStore => ({
  name: "memory",
  questions: memoryQuestions,
  answer: (_, asked): Answer => {
    const query = queryOf(asked);
    const { namespace, kind, ...bound } = query;
    const statement = `hybrid search of ${memoryCollections[kind]}, tenant ${namespace}, by the vectors ${vectorNameOf(memory.embedder)} and by words`;
    return { statement, bound, atMost: MAX_HITS, batches: found(memory, query, asked.signal) };
  },
  // Of a memory that is away its own questions tell; those of the ledger go on.
  trouble: () => Promise.resolve(undefined),
  close: () => closeMemory(memory),
});

/** The memory's line in the registry. */
export const memory: ReadStoreKind<typeof memorySettings> = {
  settings: memorySettings,
  open: async (settings) => {
    const opened = await openMemory(settings);
    return opened && createMemoryStore(opened);
  },
};
