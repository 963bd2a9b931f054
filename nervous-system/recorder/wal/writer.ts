import type { Clock } from "#nervous-system/kernel/clock.ts";
import { openMark, writeMark } from "./cursor-file.ts";
import { errorCode, type Disk, type DiskFile, WalError } from "./disk.ts";
import { encodeRecord, MAX_PAYLOAD_BYTES, recordSize } from "./record-codec.ts";
import { segmentName, type SegmentName } from "./segment.ts";

/** Why the log takes nothing at the moment; appends wait until it is over. */
export type Stall = { reason: "full" | "noSpace" | "diskError"; message: string };

/** A segment with the bytes that are known to be on the medium. */
export type LiveSegment = SegmentName & { bytes: number };

/**
 * Limits of the log, in bytes: of a segment, of everything, of one group, of what stays after it is stored, and of what
 * stays even when there is no room: a producer that got no answer may come back, and must find what it said before.
 */
export type WriterLimits = {
  segmentBytes: number;
  maxBytes: number;
  groupBytes: number;
  keepBytes: number;
  floorBytes: number;
};

/** What the writer needs from outside. */
export type WriterOptions = {
  disk: Disk;
  directory: string;
  clock: Clock;
  /** A random 32-bit number for each new segment. */
  salt: () => number;
  limits: WriterLimits;
  /** Oldest first; the writer adds to it, the trimmer takes from it. */
  segments: LiveSegment[];
  generation: number;
  first: number;
  onWritten: () => void;
  /** Called when there is no room; whoever can make some does. */
  onStall: () => void;
};

/** Whether an append waits for room below the log's bound; `beyond` it goes what must be there before anybody makes room. */
export type Room = "bounded" | "beyond";

type Pending = {
  index: number;
  payload: Uint8Array;
  room: Room;
  resolve: (index: number) => void;
  reject: (error: unknown) => void;
};

/** The appending half of the log. */
export type WalWriter = {
  append(payload: Uint8Array, room?: Room): Promise<number>;
  /** The last index on the medium, 0 for none. */
  written(): number;
  stalled(): Stall | undefined;
  /** Tries again at once: room has been made. */
  roomMade(): void;
  /** Writes what waits, if the disk lets it, and ends. What could not be written is rejected. */
  close(): Promise<void>;
};

const RETRY_MS = 250;
// ext4 and xfs answer these when the medium or the quota has no room left.
const NO_SPACE = new Set(["ENOSPC", "EDQUOT"]);

const fullStall = (directory: string, held: number, maxBytes: number): Stall => ({
  reason: "full",
  message: `the log in ${directory} holds ${held} of ${maxBytes} bytes; it goes on when frames have been stored`,
});

const stallOf = (error: unknown, directory: string): Stall => {
  const code = errorCode(error);
  const what = NO_SPACE.has(code) ? "has no space left" : `answers ${code === "" ? String(error) : code}`;
  return {
    reason: NO_SPACE.has(code) ? "noSpace" : "diskError",
    message: `the disk under ${directory} ${what}; writing is tried again until it succeeds`,
  };
};

/** The state of the writer: one group is gathered while the one before it is being synced. */
class GroupWriter implements WalWriter {
  private readonly options: WriterOptions;
  private readonly mark: DiskFile;
  private readonly queue: Pending[] = [];
  private generation: number;
  private nextIndex: number;
  private lastWritten: number;
  private file: DiskFile | undefined;
  private stall: Stall | undefined;
  private closing = false;
  private running: Promise<void> | undefined;
  private wake: (() => void) | undefined;

  constructor(options: WriterOptions, mark: DiskFile) {
    this.options = options;
    this.mark = mark;
    this.generation = options.generation;
    this.nextIndex = options.first;
    this.lastWritten = options.first - 1;
  }

  append(payload: Uint8Array, room: Room = "bounded"): Promise<number> {
    const refusal = this.refusalOf(payload);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.queue.push({ index: this.nextIndex, payload, room, resolve, reject });
      this.nextIndex += 1;
      this.running ??= Promise.resolve().then(() => this.run());
    });
  }

  written(): number {
    return this.lastWritten;
  }

  stalled(): Stall | undefined {
    return this.stall;
  }

  roomMade(): void {
    this.wake?.();
  }

  async close(): Promise<void> {
    this.closing = true;
    this.wake?.();
    await this.running;
    const why = `the log in ${this.options.directory} was closed while ${this.stall?.message ?? "records waited"}`;
    for (const pending of this.queue.splice(0)) pending.reject(new WalError("WAL_CLOSED", why));
    await this.file?.close();
    await this.mark.close();
  }

  private refusalOf(payload: Uint8Array): WalError | undefined {
    if (this.closing) return new WalError("WAL_CLOSED", `the log in ${this.options.directory} is closed`);
    if (payload.length <= MAX_PAYLOAD_BYTES) return undefined;
    const message = `a record of ${payload.length} bytes is larger than the limit of ${MAX_PAYLOAD_BYTES}`;
    return new WalError("RECORD_TOO_LARGE", message);
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0 && !(this.closing && this.stall !== undefined)) await this.step();
    this.running = undefined;
  }

  private async step(): Promise<void> {
    const { limits, directory, onWritten } = this.options;
    const { group, bytes } = this.takeGroup();
    const held = this.options.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    if (held + bytes > limits.maxBytes && group.every(({ room }) => room === "bounded"))
      return this.pause(fullStall(directory, held, limits.maxBytes));
    try {
      await this.writeGroup(group, bytes);
    } catch (error) {
      await this.abandonSegment();
      return this.pause(stallOf(error, directory));
    }
    this.stall = undefined;
    this.queue.splice(0, group.length);
    for (const pending of group) pending.resolve(pending.index);
    onWritten();
  }

  private takeGroup(): { group: Pending[]; bytes: number } {
    const limit = Math.min(this.options.limits.groupBytes, this.options.limits.segmentBytes);
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.queue) {
      const size = recordSize(payload);
      if (count > 0 && bytes + size > limit) break;
      bytes += size;
      count += 1;
    }
    return { group: this.queue.slice(0, count), bytes };
  }

  private async writeGroup(group: readonly Pending[], bytes: number): Promise<void> {
    const target = await this.rotateIfFull(bytes, (group[0] as Pending).index);
    const segment = this.options.segments.at(-1) as LiveSegment;
    const buffer = Buffer.allocUnsafe(bytes);
    let offset = 0;
    for (const { index, payload } of group) offset = encodeRecord(buffer, offset, { index, payload }, segment.salt);
    await target.write(buffer, segment.bytes);
    await target.sync();
    segment.bytes += bytes;
    this.lastWritten = (group.at(-1) as Pending).index;
    const note = Buffer.alloc(0);
    await writeMark(this.mark, { index: this.lastWritten, note }).catch(() => undefined); // a hint: the records are safe
  }

  private async rotateIfFull(groupBytes: number, first: number): Promise<DiskFile> {
    const used = this.options.segments.at(-1)?.bytes ?? 0;
    const fits = used === 0 || used + groupBytes <= this.options.limits.segmentBytes;
    if (this.file !== undefined && fits) return this.file;
    await this.file?.close();
    this.file = undefined;
    return this.openSegment(first);
  }

  private async openSegment(first: number): Promise<DiskFile> {
    const { disk, directory, segments, salt } = this.options;
    const name = segmentName(this.generation + 1, first, salt());
    const path = `${directory}/${name.file}`;
    const created = await disk.create(path);
    this.generation += 1; // taken even if the rest fails: a name is never used twice
    try {
      await disk.syncDirectory(directory);
    } catch (error) {
      await created.close();
      await disk.unlink(path).catch(() => undefined);
      throw error;
    }
    segments.push({ ...name, bytes: 0 });
    this.file = created;
    return created;
  }

  /** Leaves a segment whose last write failed: after a failed sync nobody knows what the medium holds. */
  private async abandonSegment(): Promise<void> {
    const { file: broken } = this;
    const segment = this.options.segments.at(-1);
    this.file = undefined;
    await broken?.truncate(segment?.bytes ?? 0).catch(() => undefined);
    await broken?.close().catch(() => undefined);
    if (broken !== undefined && segment?.bytes === 0) await this.removeEmpty(segment);
  }

  /** A segment in which nothing counts goes, so that a disk without room does not fill with one more for each try. */
  private async removeEmpty(segment: LiveSegment): Promise<void> {
    const { disk, directory, segments } = this.options;
    if (segments.length === 1) return; // the only one says where the log goes on
    const isGone = await disk.unlink(`${directory}/${segment.file}`).then(
      () => true,
      () => false,
    );
    if (isGone && segments.at(-1) === segment) segments.pop();
  }

  private async pause(reason: Stall): Promise<void> {
    this.stall = reason;
    const retry = new AbortController();
    this.wake = () => retry.abort();
    this.options.onStall();
    await this.options.clock.sleep(RETRY_MS, retry.signal).catch(() => undefined);
    this.wake = undefined;
  }
}

/** Creates the writer of a log that was recovered. */
export const createWriter = async (options: WriterOptions): Promise<WalWriter> =>
  new GroupWriter(options, await openMark(options.disk, options.directory, "mark"));
