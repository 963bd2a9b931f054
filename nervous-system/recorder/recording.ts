import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { createExporter, type ExportState } from "./exporter.ts";
import type { RecorderIdentity } from "./compose.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import type { Redactor } from "./redact.ts";
import { createSettling } from "./settling.ts";
import type { WalCut } from "./wal-cut.ts";
import type { Uplink } from "./uplink.ts";
import type { Processes } from "./wal/lock.ts";
import { openWal, type WalStats } from "./wal/wal.ts";
import type { WriterLimits } from "./wal/writer.ts";
import { readCursor, writeCursor } from "./wal/cursor-file.ts";
import type { Disk } from "./wal/disk.ts";

/** Counts one more start of a component beside its log and answers the count, 1 for the first; durable when it resolves. */
const nextEpoch = async (disk: Disk, directory: string): Promise<number> => {
  await disk.list(directory);
  const before = await readCursor(disk, directory, "epoch");
  const index = (before?.index ?? 0) + 1;
  await writeCursor(disk, directory, { index, note: Buffer.alloc(0) }, "epoch");
  return index;
};

/** What a whole recording is made of. */
export type RecordingOptions = {
  /** Where the log lives; no other process uses it. */
  directory: string;
  identity: RecorderIdentity;
  /** The attempt of an agent; without it the starts of this component are counted beside the log. */
  epoch?: number;
  resumeHash?: string;
  uplink: Uplink;
  disk: Disk;
  processes: Processes;
  clock: Clock;
  ids: Ids;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  limits?: Partial<WriterLimits>;
  redactor?: Redactor | undefined;
  /** `stored` unless told. */
  cut?: WalCut;
};

/** How far the frames of this epoch have come; what is settled is heard of now and then. */
type Marks = { written: number; stored: number; settled: number };

/** A recorder with its log and its exporter, running. */
export type Recording = {
  recorder: Recorder;
  marks(): Marks;
  health(): { wal: WalStats; exporting: ExportState };
  /** Resolves true when everything written is stored, and settled where the log is cut there; false when `limitMs` are over first. */
  drain(limitMs: number): Promise<boolean>;
  /** Ends the exporter and closes the log; what is not stored is sent after the next start. */
  close(): Promise<void>;
};

const randomSalt = (random: () => number) => (): number => Math.floor(random() * 0x1_0000_0000);

/** Opens the log, continues the chain and begins to export. Rejects with `WalError` while another process has the log. */
export const startRecording = async (options: RecordingOptions): Promise<Recording> => {
  const { directory, disk, clock, random } = options;
  const limits = options.limits === undefined ? {} : { limits: options.limits };
  const wal = await openWal({
    directory,
    disk,
    clock,
    processes: options.processes,
    salt: randomSalt(random),
    ...limits,
  });
  const begin = async (): Promise<{ epoch: number; recorder: Recorder }> => {
    const epoch = options.epoch ?? (await nextEpoch(disk, directory));
    return { epoch, recorder: await createRecorder({ ...options, wal, epoch }) };
  };
  const { epoch, recorder } = await begin().catch(async (error: unknown) => {
    await wal.close().catch(() => undefined);
    throw error;
  });
  const cut = options.cut ?? "stored";
  const settling = createSettling({ ...options, recorder, wal, cut, onLost: () => exporter.startAgain() });
  const exporter = createExporter({ ...options, recorder, wal, cut, onStored: settling.stored });
  const stop = new AbortController();
  const running = Promise.all([exporter.run(stop.signal), settling.run(stop.signal)]);
  const storedSeq = (): number => {
    const { stored } = exporter.state();
    return stored?.epoch === epoch ? stored.seq : 0;
  };
  return {
    recorder,
    marks: () => ({ written: recorder.written().seq, stored: storedSeq(), settled: settling.settled() }),
    health: () => ({ wal: wal.stats(), exporting: exporter.state() }),
    drain: async (limitMs) => {
      const limit = new AbortController();
      const cancel = clock.after(limitMs, () => limit.abort());
      const isStored = await exporter.drain(limitMs);
      const isDone = isStored && (cut === "stored" || (await settling.reached(recorder.written().seq, limit.signal)));
      cancel();
      return isDone;
    },
    close: async () => {
      stop.abort();
      await running;
      await wal.close();
    },
  };
};
