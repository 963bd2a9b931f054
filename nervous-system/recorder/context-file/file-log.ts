import type { FileHandle } from "node:fs/promises";
import { decodeStoredFrame } from "../stored-record.ts";
import type { Wal } from "../wal/wal.ts";
import { renderFrameLine } from "./frame-line.ts";

/** A file of context frames as the log of one recorder: it begins a chain of its own, whatever the file holds. */
export type FileLog = Pick<Wal, "append" | "reader" | "first" | "last" | "cursor"> & {
  /** Why nothing more can be written: the error of the first write that failed. */
  failure(): Error | undefined;
  /** How many frames of a type were written by it. */
  written(eventType: string): number;
  /** Resolves when everything appended so far is on the medium or has failed. */
  settled(): Promise<void>;
  close(): Promise<void>;
};

/** What is used of the file. */
type LogFile = Pick<FileHandle, "stat" | "read" | "write" | "datasync" | "close">;

type Waiting = { type: string; line: string; resolve(index: number): void; reject(error: Error): void };

const GROUP_BYTES = 1024 * 1024;

/** A killed writer may have left half a line; what we write begins a line of its own. */
const endsMidLine = async (file: LogFile): Promise<boolean> => {
  const { size } = await file.stat();
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last.toString() !== "\n";
};

/** Writes and syncs what the file takes; answers how many bytes that are, and why no more. */
const writeAndSync = async (file: LogFile, bytes: Buffer): Promise<{ written: number; failure?: Error }> => {
  let written = 0;
  let failure: Error | undefined;
  try {
    while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
  } catch (error) {
    failure = error as Error;
  }
  try {
    await file.datasync();
  } catch (error) {
    return { written: 0, failure: error as Error };
  }
  return failure === undefined ? { written } : { written, failure };
};

/** Group commit: while one group is written and synced, the next one gathers. Lines go out by one appending write a group. */
class AppendingLog implements FileLog {
  readonly first = 1;
  readonly last = undefined;
  private readonly file: LogFile;
  private head: string;
  private waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  private failed: Error | undefined;
  private index = 0;
  private readonly counts = new Map<string, number>();

  constructor(file: LogFile, head: string) {
    this.file = file;
    this.head = head;
  }

  append(payload: Uint8Array): Promise<number> {
    if (this.failed !== undefined) return Promise.reject(this.failed);
    const frame = decodeStoredFrame(Buffer.from(payload));
    const { event_type: type } = frame.envelope;
    const line = `${renderFrameLine(frame)}\n`;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.waiting.push({ type, line, resolve, reject });
    this.running ??= this.run();
    return promise;
  }

  reader(): ReturnType<Wal["reader"]> {
    return { next: async () => [], close: async () => undefined };
  }

  cursor(): ReturnType<Wal["cursor"]> {
    return { index: 0, note: Buffer.alloc(0) };
  }

  failure(): Error | undefined {
    return this.failed;
  }

  written(eventType: string): number {
    return this.counts.get(eventType) ?? 0;
  }

  async settled(): Promise<void> {
    await this.running;
  }

  async close(): Promise<void> {
    await this.running;
    await this.file.close();
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // whatever is appended in this turn goes out together
    while (this.waiting.length > 0) await this.writeGroup(this.takeGroup());
    this.running = undefined;
  }

  private takeGroup(): Waiting[] {
    let bytes = 0;
    const end = this.waiting.findIndex(({ line }) => (bytes += line.length) > GROUP_BYTES);
    return this.waiting.splice(0, end < 0 ? this.waiting.length : Math.max(1, end));
  }

  private async writeGroup(group: Waiting[]): Promise<void> {
    const bytes = Buffer.from(this.head + group.map(({ line }) => line).join(""));
    const { written, failure } =
      this.failed === undefined ? await writeAndSync(this.file, bytes) : { written: 0, failure: this.failed };
    // The chain is whole up to there. Going on would leave a hole in it, so nothing more is written.
    this.failed = failure;
    let end = this.head.length;
    for (const { type, line, resolve, reject } of group) {
      end += Buffer.byteLength(line);
      if (end > written) {
        reject(failure as Error);
        continue;
      }
      this.counts.set(type, this.written(type) + 1);
      resolve((this.index += 1));
    }
    this.head = "";
  }
}

/** Creates the log on a file opened for reading and appending (`a+`); the log closes it. */
export const createFileLog = async (file: LogFile): Promise<FileLog> =>
  new AppendingLog(file, (await endsMidLine(file)) ? "\n" : "");
