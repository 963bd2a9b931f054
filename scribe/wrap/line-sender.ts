import { createConnection, type Socket } from "node:net";
import { createLineSplitter, type SplitLine } from "#nervous-system/comms/socket/line-splitter.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Brings lines to the scribe's socket, over every reconnection, in order. */
export type LineSender = {
  /** Takes one line without its newline. */
  send(line: string): void;
  /** Whether the source should wait: enough is unanswered. */
  isFull(): boolean;
  /** Resolves true when every line is answered, false when `limitMs` are over first. */
  flush(limitMs: number): Promise<boolean>;
  close(): void;
};

/** What a sender tells. */
export type LineSenderEvents = {
  /** The scribe refused a line, with its reason. */
  onRefused: (line: string, reason: string) => void;
  /** There is room again. */
  onDrain: () => void;
};

/** What a sender needs. */
type LineSenderOptions = LineSenderEvents & { path: string; clock: Pick<Clock, "after" | "sleep"> };

const MAX_UNANSWERED = 1024;
const MAX_BYTES = 4 * 1024 * 1024;
const RECONNECT_MS = 100;
// An answer names a reason or an event id, and is far shorter.
const MAX_ANSWER_BYTES = 64 * 1024;

type Answer = { ok?: unknown; reason?: unknown };

const parseAnswer = (line: SplitLine): Answer | undefined => {
  try {
    return line.kind === "line" ? (JSON.parse(line.bytes.toString("utf8")) as Answer) : undefined;
  } catch {
    return undefined;
  }
};

/**
 * One pipelined connection after the other; what a lost one left unanswered is sent again on the next.
 *
 *   connecting --connect, every unanswered line is written--> connected --an answer--> its line is forgotten
 *       ^  ^                                                   |     |
 *       |  +------- RECONNECT_MS <---- socket closed ----------+     +--an answer that cannot be read--> socket cut
 *       +--- RECONNECT_MS <--- refused                          close() ends it in every state
 */
class SocketLineSender implements LineSender {
  private readonly options: LineSenderOptions;
  private readonly unanswered: string[] = [];
  private readonly idle = new Set<() => void>();
  private bytes = 0;
  private socket: Socket | undefined;
  private closed = false;

  constructor(options: LineSenderOptions) {
    this.options = options;
    this.connect();
  }

  send(line: string): void {
    this.unanswered.push(line);
    this.bytes += line.length;
    this.socket?.write(`${line}\n`);
  }

  isFull(): boolean {
    return this.unanswered.length >= MAX_UNANSWERED || this.bytes >= MAX_BYTES;
  }

  async flush(limitMs: number): Promise<boolean> {
    if (this.unanswered.length > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.options.clock.after(limitMs, resolve);
        this.idle.add(() => {
          cancel();
          resolve();
        });
      });
    }
    return this.unanswered.length === 0;
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private connect(): void {
    const socket = createConnection(this.options.path);
    socket.once("connect", () => {
      this.socket = socket;
      for (const line of this.unanswered) socket.write(`${line}\n`);
    });
    const answers = createLineSplitter(MAX_ANSWER_BYTES);
    socket.on("data", (chunk: Buffer) => {
      for (const line of answers.push(chunk)) if (!socket.destroyed) this.onAnswer(socket, parseAnswer(line));
    });
    socket.on("error", () => undefined); // "close" follows, and connects again
    socket.once("close", () => {
      this.socket = undefined;
      if (!this.closed) this.options.clock.after(RECONNECT_MS, () => (this.closed ? undefined : this.connect()));
    });
  }

  private onAnswer(socket: Socket, answer: Answer | undefined): void {
    if (answer === undefined) return void socket.destroy(); // it may belong to any line: ask all of them again
    const wasFull = this.isFull();
    const line = this.unanswered.shift();
    if (line === undefined) return;
    this.bytes -= line.length;
    if (answer.ok !== true)
      this.options.onRefused(line, typeof answer.reason === "string" ? answer.reason : "no reason given");
    if (wasFull && !this.isFull()) this.options.onDrain();
    if (this.unanswered.length > 0) return;
    for (const resolve of this.idle) resolve();
    this.idle.clear();
  }
}

/** Creates a sender; it connects at once and again whenever the connection is lost. */
export const createLineSender = (options: LineSenderOptions): LineSender => new SocketLineSender(options);
