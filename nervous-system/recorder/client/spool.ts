import { stableId } from "#nervous-system/schemas/ids.ts";
import type { WalEntry } from "../wal/reader.ts";
import type { Wal } from "../wal/wal.ts";
import type { SendQueue, QueuedLine } from "./send-queue.ts";

/** What a spool needs, and what it tells. */
export type SpoolOptions = {
  wal: Wal;
  /** Where its log is: names what is lost in it. */
  directory: string;
  sendQueue: () => SendQueue;
  /** A line is on the medium, or one more of the log's is the scribe's. */
  onMoved(): void;
};

/** The client's own log: takes lines while the socket is away, and sends them when it is back. */
export type Spool = {
  append(line: string): void;
  /** Whether one more line may be on its way to the medium. */
  hasRoom(): boolean;
  /** Lines that are not on the medium yet. */
  appending(): number;
  /** Lines in the log, or on their way to it, that the scribe has not answered. */
  left(): number;
  /** The send queue has a connection: sends everything that is left, and along with it, until it is lost. */
  ship(): void;
  /** The scribe has answered a line of the log. */
  answered(index: number): void;
  close(): Promise<void>;
};

const MAX_APPENDING = 1024;
const MAX_APPENDING_BYTES = 4 * 1024 * 1024;
const READ_LIMIT = { records: 64, bytes: 256 * 1024 };

/** What stands in the place of lines that cannot be read any more: the loss has a name, the same however often it is told. */
const lossLine = (directory: string, { from, to }: Extract<WalEntry, { kind: "gap" }>): string =>
  JSON.stringify({
    event_id: stableId("client-log", directory, String(from), String(to)),
    event_type: "ERROR",
    payload: { message: `${to - from + 1} frames of the client's own log could not be read any more`, fatal: false },
  });

class LogSpool implements Spool {
  private readonly options: SpoolOptions;
  private inFlight = 0;
  private inFlightBytes = 0;
  private assigned: number;
  private acked: number;
  private saving: Promise<void> | undefined;
  private shipping: Promise<void> = Promise.resolve();
  private wakeForRoom = (): void => undefined;

  constructor(options: SpoolOptions) {
    this.options = options;
    this.assigned = options.wal.first - 1;
    this.acked = Math.min(options.wal.cursor().index, this.assigned);
  }

  append(line: string): void {
    this.inFlight += 1;
    this.inFlightBytes += line.length;
    this.assigned += 1;
    void this.write(line);
  }

  hasRoom(): boolean {
    return this.inFlight < MAX_APPENDING && this.inFlightBytes < MAX_APPENDING_BYTES;
  }

  appending(): number {
    return this.inFlight;
  }

  left(): number {
    return this.assigned - this.acked;
  }

  ship(): void {
    const signal = this.options.sendQueue().connection();
    // After the session before: it has seen that its connection is lost, or will.
    this.shipping = this.shipping.then(() => this.session(signal)).catch(() => undefined);
  }

  answered(index: number): void {
    this.acked = index;
    this.wakeForRoom();
    this.saving ??= Promise.resolve().then(() => this.save());
    this.options.onMoved();
  }

  async close(): Promise<void> {
    await this.shipping;
    await this.saving;
    await this.options.wal.close();
  }

  private async write(line: string): Promise<void> {
    try {
      await this.options.wal.append(Buffer.from(line));
    } catch {
      return; // the log was closed without room: the line stays what is not on the medium
    }
    this.inFlight -= 1;
    this.inFlightBytes -= line.length;
    this.options.onMoved();
  }

  private async session(signal: AbortSignal): Promise<void> {
    const { wal, sendQueue } = this.options;
    let read = this.acked;
    const reader = wal.reader(read + 1);
    try {
      while (!signal.aborted) {
        if (!sendQueue().hasRoom()) await this.room(signal);
        const entries = await reader.next(READ_LIMIT);
        if (signal.aborted) return;
        if (entries.length === 0) await wal.writtenBeyond(read, signal);
        for (const entry of entries) sendQueue().send(this.lineOf(entry));
        read = lastOf(entries.at(-1)) ?? read;
      }
    } finally {
      await reader.close();
    }
  }

  private lineOf(entry: WalEntry): QueuedLine {
    if (entry.kind === "record") return { line: entry.payload.toString("utf8"), index: entry.index };
    return { line: lossLine(this.options.directory, entry), index: entry.to };
  }

  private room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.wakeForRoom = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** As often as the disk lets it: a cursor that lags costs only sending again what the scribe then knows. */
  private async save(): Promise<void> {
    const { wal } = this.options;
    while (wal.cursor().index < this.acked) {
      const before = wal.cursor().index;
      await wal.advance(this.acked);
      if (wal.cursor().index === before) break;
    }
    this.saving = undefined;
  }
}

const lastOf = (entry: WalEntry | undefined): number | undefined =>
  entry?.kind === "record" ? entry.index : entry?.to;

/** Creates the spool of an open log. */
export const createSpool = (options: SpoolOptions): Spool => new LogSpool(options);
