import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { RecorderLog } from "#nervous-system/recorder/recorder.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { openWal, type Wal } from "#nervous-system/recorder/wal/wal.ts";
import type { Host } from "../host.ts";

/** The log of what is to be sent. It never fails its writer, and never holds it up for want of room. */
export type OutgoingLog = {
  wal: Wal;
  /** Resolves when the frame is on the medium, or when the log has ended. */
  append(payload: Uint8Array): Promise<void>;
  /** Why frames are missing at the log's end; undefined while it takes them. */
  ended(): string | undefined;
  close(): Promise<void>;
};

const LOOK_MS = 500;

/** A random unsigned 32-bit number. */
const salt = (host: Pick<Host, "randomHex">) => (): number => Number.parseInt(host.randomHex(4), 16);

/** A number from [0, 1). */
export const randomOf = (host: Pick<Host, "randomHex">) => (): number => salt(host)() / 0x1_0000_0000;

/**
 * A log that has no room for a second ends: what it holds stays the whole beginning of the chain.
 *
 *   taking --stall seen--> stalled --stall seen at the next look--> ended (appends resolve at once)
 *      ^                      |                                       ^
 *      +------room again------+             a write fails, in any state
 */
class BoundedLog implements OutgoingLog {
  readonly wal: Wal;
  private readonly clock: Pick<Clock, "after">;
  private readonly waiting = new Set<() => void>();
  private cancelLook: (() => void) | undefined;
  private wasStalled = false;
  private why: string | undefined;

  constructor(wal: Wal, clock: Pick<Clock, "after">) {
    this.wal = wal;
    this.clock = clock;
  }

  append(payload: Uint8Array): Promise<void> {
    if (this.why !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.add(resolve);
      this.cancelLook ??= this.clock.after(LOOK_MS, () => this.look());
      const written = (): void => {
        this.waiting.delete(resolve);
        resolve();
      };
      this.wal.append(payload).then(written, (error: Error) => this.end(error.message));
    });
  }

  ended(): string | undefined {
    return this.why;
  }

  async close(): Promise<void> {
    this.cancelLook?.();
    await this.wal.close();
  }

  private look(): void {
    this.cancelLook = undefined;
    const { stall } = this.wal.stats();
    if (stall !== undefined && this.wasStalled) return this.end(stall.message);
    this.wasStalled = stall !== undefined;
    if (this.waiting.size > 0) this.cancelLook = this.clock.after(LOOK_MS, () => this.look());
  }

  private end(why: string): void {
    this.why ??= why;
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}

/** Opens the log in a fresh directory. */
export const openOutgoingLog = async (host: Host, directory: string, maxBytes?: number): Promise<OutgoingLog> => {
  const limits = maxBytes === undefined ? {} : { limits: { maxBytes, segmentBytes: Math.ceil(maxBytes / 8) } };
  const wal = await openWal({
    directory,
    disk: createNodeDisk(),
    clock: host.clock,
    processes: createNodeProcesses(),
    salt: salt(host),
    ...limits,
  });
  return new BoundedLog(wal, host.clock);
};

/**
 * One log of two: a frame is written when the file and the log of what is to be sent both have it. The file has it first, so
 * that whatever ends this process between the two, nothing is sent that the file does not hold.
 */
export const bothLogs = (file: RecorderLog, outgoing: Pick<OutgoingLog, "append">): RecorderLog => ({
  append: async (payload) => {
    const index = await file.append(payload);
    await outgoing.append(payload);
    return index;
  },
  reader: (from) => file.reader(from),
  first: file.first,
  last: file.last,
  cursor: () => file.cursor(),
});
