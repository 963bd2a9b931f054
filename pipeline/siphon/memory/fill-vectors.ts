import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import {
  memoryCollections,
  memoryKinds,
  memoryPropertiesOf,
  vectorNameOf,
  type MemoryKind,
} from "#nervous-system/stores/weaviate/memory-collections.ts";
import type { FoundObject } from "#nervous-system/stores/weaviate/vector-client.ts";
import { EmbedderFailure } from "#pipeline/embedding/embedder.ts";
import { embeddedOf } from "#pipeline/siphon/memory/embedded-text.ts";
import type { Memory } from "#pipeline/siphon/memory/open-memory.ts";

/** What is filled in, and by what time. */
export type FillerOptions = {
  readonly memory: Memory;
  readonly clock: Pick<Clock, "monotonicMs" | "sleep">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Pick<Log, "warn">;
};

/** Makes the vectors that were put off, of each tenant in its turn. */
export type VectorFiller = {
  /** A tenant has objects without their vectors. */
  owe(tenant: string): void;
  /** Fills until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
};

/** Objects of one tenant and kind in a turn: a second or two of the local model. */
const AT_ONCE = 16;
const IDLE_MS = 2_000;
/** What an import, or a siphon that was killed, left without vectors is found so often. */
const LOOK_MS = 3_600_000;
const BACKOFF = { baseMs: 1_000, capMs: 60_000 };

type Shelf = { readonly kind: MemoryKind; readonly tenant: string };

const shelfOf = ({ kind, tenant }: Shelf) => ({ collection: memoryCollections[kind], tenant });

type Vectors = ReadonlyArray<Float32Array | undefined>;

/** The vectors of texts; none where the embedder refuses one of them. */
const embedOrRefuse = async ({ embedder }: Memory, texts: readonly string[], signal: AbortSignal): Promise<Vectors> => {
  try {
    return await embedder.embed(texts, signal);
  } catch (error) {
    if (error instanceof EmbedderFailure && error.refused) return [];
    throw error;
  }
};

/** The same, where one that is refused keeps none of the others from theirs. */
const embedEach = async (memory: Memory, texts: readonly string[], signal: AbortSignal): Promise<Vectors> => {
  const together = await embedOrRefuse(memory, texts, signal);
  if (together.length > 0) return together;
  const vectors: Array<Float32Array | undefined> = [];
  for (const text of texts) vectors.push((await embedOrRefuse(memory, [text], signal))[0]);
  return vectors;
};

/** One that the embedder refuses is owed no more. */
const settle = (memory: Memory, shelf: Shelf, { id }: FoundObject, values: Float32Array | undefined): Promise<void> => {
  const vector = values && { name: vectorNameOf(memory.embedder), values };
  return memory.client.change(shelfOf(shelf), id, { vector_due: "no" }, vector);
};

/** Makes some vectors of one kind; answers how many objects it found without. */
const fillKind = async ({ memory }: FillerOptions, shelf: Shelf, signal: AbortSignal): Promise<number> => {
  const due = { property: "vector_due", anyOf: ["yes"] };
  const objects = await memory.client.find(shelfOf(shelf), [due], AT_ONCE);
  if (objects.length === 0) return 0;
  const texts = objects.map(({ properties }) => embeddedOf(shelf.kind, memoryPropertiesOf(properties)));
  const vectors = await embedEach(memory, texts, signal);
  for (const [n, object] of objects.entries()) {
    signal.throwIfAborted();
    await settle(memory, shelf, object, vectors[n]);
  }
  return objects.length;
};

const fillTenant = async (options: FillerOptions, tenant: string, signal: AbortSignal): Promise<number> => {
  let found = 0;
  for (const kind of memoryKinds) found += await fillKind(options, { kind, tenant }, signal);
  return found;
};

/** Creates a filler; it knows of no tenant until it has looked at all of them. */
export const createVectorFiller = (options: FillerOptions): VectorFiller => {
  const { memory, clock, random, log } = options;
  const owing = new Set<string>();
  let lookAtMs = -Infinity;
  const look = async (): Promise<void> => {
    if (clock.monotonicMs() < lookAtMs) return;
    for (const tenant of await memory.client.tenants(memoryCollections.lesson)) owing.add(tenant);
    lookAtMs = clock.monotonicMs() + LOOK_MS;
  };
  /** One turn of each tenant that is owed vectors; where some fail, the others have theirs first. */
  const round = async (signal: AbortSignal): Promise<void> => {
    const turns = [...owing];
    const failed: unknown[] = [];
    for (const tenant of turns) {
      signal.throwIfAborted();
      // Whoever is owed more meanwhile is in the next round.
      owing.delete(tenant);
      const isOwed = await fillTenant(options, tenant, signal).then(
        (found) => found > 0,
        (error: unknown) => failed.push(error) > 0,
      );
      if (isOwed) owing.add(tenant);
    }
    if (failed.length > 0) throw failed[0];
  };
  const once = async (signal: AbortSignal): Promise<void> => {
    await look();
    await round(signal);
    if (owing.size === 0) await clock.sleep(IDLE_MS, signal);
  };
  return {
    owe: (tenant) => void owing.add(tenant),
    run: async (signal) => {
      let failures = 0;
      while (!signal.aborted) {
        try {
          await once(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          const reason = error instanceof Error ? error.message : String(error);
          if (failures === 0) log.warn({ reason }, "vectors that were put off cannot be made now; trying again");
          const afterMs = error instanceof EmbedderFailure ? (error.afterMs ?? 0) : 0;
          const waitMs = Math.max(afterMs, fullJitterMs(failures++, { ...BACKOFF, random }));
          await clock.sleep(waitMs, signal).catch(() => {});
        }
      }
    },
  };
};
