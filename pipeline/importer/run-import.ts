import { fullJitterMs } from "#nervous-system/kernel/backoff.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { readArchive, type Admits, type ArchivePoint } from "#pipeline/archive-reader/read-archive.ts";
import { batchesOf } from "#pipeline/importer/batches.ts";
import { createImportProgress, type ImportProgress } from "#pipeline/importer/progress.ts";
import type { SiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Sink, SinkKind } from "#pipeline/siphon/sink.ts";
import { StoreLost, writeBatch, type Writing } from "#pipeline/siphon/write-batch.ts";

/** What an import needs. */
export type ImportOptions = {
  readonly kind: Pick<SinkKind, "name" | "limits">;
  readonly sink: Sink;
  readonly archive: ObjectClient;
  /** Which files are taken; all without it. */
  readonly admits?: Admits | undefined;
  /** Begin with the archive's first frame, however far an import before this one came. */
  readonly anew: boolean;
  readonly clock: Pick<Clock, "sleep">;
  readonly random: () => number;
  readonly metrics: SiphonMetrics;
  readonly log: Log;
};

/** What an import brought to its sink, and what the sink will never take. */
export type Imported = { readonly frames: number; readonly refused: number };

type Import = ImportOptions & {
  readonly progress: ImportProgress;
  readonly signal: AbortSignal;
  /** Tells this import from every other one. */
  readonly run: string;
};

const BACKOFF = { baseMs: 250, capMs: 15_000 };

const pause = async (options: Import, failures: number, reason: string, afterMs?: number) => {
  const waitMs = afterMs ?? fullJitterMs(failures, { ...BACKOFF, random: options.random });
  options.log.warn({ waitMs: Math.round(waitMs) }, reason);
  await options.clock.sleep(waitMs, options.signal);
};

const writingOf = (options: Import, onRefused: () => void): Writing => ({
  name: options.kind.name,
  sink: options.sink,
  metrics: options.metrics,
  signal: options.signal,
  pause: (failures, reason, afterMs) => pause(options, failures, reason, afterMs),
  refuse: async (_, { envelope, place }, reason) => {
    onRefused();
    options.log.warn({ place, agentUid: envelope.agent_uid, epoch: envelope.epoch, seq: envelope.seq }, reason);
  },
});

/** Writes what stands behind a point; rejects with `StoreLost` where the store has to begin again. */
const importBehind = async (options: Import, after: ArchivePoint | undefined): Promise<Imported> => {
  const { kind, archive, progress, log } = options;
  let [frames, refused] = [0, 0];
  const writing = writingOf(options, () => (refused += 1));
  const read = readArchive(archive, after, options.admits);
  for await (const { folder, batch } of batchesOf(read, kind.limits, options.run)) {
    await writeBatch(writing, batch);
    frames += batch.frames.length;
    const reached = { folder, place: batch.cut.to };
    await progress.keep(reached);
    log.info({ ...reached, frames, refused }, "imported");
  }
  return { frames: frames - refused, refused };
};

/**
 * Writes every frame of the archive through a sink, or goes on where an import broke off. What the sink has, it has once
 * all the same, so the siphon may go on meanwhile. Rejects with the signal's reason, where the archive cannot be read, and
 * where the store is away at the beginning.
 */
export const runImport = async (options: ImportOptions, signal: AbortSignal): Promise<Imported> => {
  const progress = createImportProgress(options.archive, options.kind.name);
  const run = Math.floor(options.random() * 2 ** 48).toString(16);
  const given = { ...options, progress, signal, run };
  await options.sink.prepare();
  let after = options.anew ? undefined : await progress.read();
  if (after !== undefined) options.log.info(after, "going on where an import broke off");
  for (let failures = 0; ; failures += 1) {
    try {
      const imported = await importBehind(given, after);
      await progress.forget();
      return imported;
    } catch (error) {
      if (!(error instanceof StoreLost)) throw error;
      // What the store had is lost with it, whatever the progress says: so it may not outlive this process either.
      await progress.forget();
      after = undefined;
      await pause(given, failures, `beginning again: ${error.message}`);
      await options.sink.prepare();
    }
  }
};
