import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { History } from "#test/simulation/history.ts";
import type { PlannedFrame } from "#test/simulation/producer.ts";

/** A program that records over the scribe's socket and says again what it has no answer for. */
export type SocketProducer = {
  /** Says nothing new from now on. */
  finish(): void;
  /** Whether it is connected, and all it said is answered. */
  isDone(): boolean;
  /** Frames that were answered. */
  answered(): number;
  close(): void;
};

/** What a producer is made of. */
export type SocketProducerOptions = {
  name: string;
  path: string;
  /** Frame number `n`. */
  plan: (n: number) => PlannedFrame;
  window: number;
  clock: Clock;
  history: History;
};

type Answer = { ok: boolean; seq?: number };

const RECONNECT_MS = 30;

class Producer implements SocketProducer {
  private readonly options: SocketProducerOptions;
  private socket: Socket | undefined;
  private readonly unanswered: PlannedFrame[] = [];
  private again: PlannedFrame[] = [];
  private next = 1;
  private count = 0;
  private thinking = false;
  private finishing = false;
  private closed = false;

  constructor(options: SocketProducerOptions) {
    this.options = options;
    this.connect();
  }

  finish(): void {
    this.finishing = true;
  }

  isDone(): boolean {
    return this.socket !== undefined && this.unanswered.length === 0 && this.again.length === 0;
  }

  answered(): number {
    return this.count;
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private connect(): void {
    if (this.closed) return;
    const socket = createConnection(this.options.path);
    socket.on("error", () => undefined); // its close follows
    socket.once("connect", () => {
      this.socket = socket;
      this.say();
    });
    const lines = createInterface({ input: socket });
    lines.on("error", () => undefined);
    lines.on("line", (line) => this.hear(JSON.parse(line) as Answer));
    socket.once("close", () => {
      this.hangUp();
      this.options.clock.after(RECONNECT_MS, () => this.connect());
    });
  }

  private hangUp(): void {
    this.socket = undefined;
    const lost = this.unanswered.splice(0);
    for (const { deed } of lost) this.note("info", deed);
    this.again = [...lost, ...this.again];
  }

  private note(type: "invoke" | "ok" | "fail" | "info", value: PlannedFrame["deed"]): void {
    this.options.history.add(this.options.name, type, { f: "record", value });
  }

  private take(): PlannedFrame | undefined {
    const old = this.again.shift();
    if (old !== undefined || this.finishing || this.thinking) return old;
    const frame = this.options.plan(this.next++);
    if (frame.thinkMs > 0) this.think(frame.thinkMs);
    return frame;
  }

  private think(ms: number): void {
    this.thinking = true;
    this.options.clock.after(ms, () => {
      this.thinking = false;
      this.say();
    });
  }

  private say(): void {
    while (this.socket !== undefined && this.unanswered.length < this.options.window) {
      const planned = this.take();
      if (planned === undefined) return;
      this.unanswered.push(planned);
      this.note("invoke", planned.deed);
      this.socket.write(`${JSON.stringify(planned.frame)}\n`);
    }
  }

  private hear({ ok, seq }: Answer): void {
    const planned = this.unanswered.shift();
    if (planned === undefined) throw new Error("the scribe answered more than it was asked");
    this.count += 1;
    if (ok && seq !== undefined) this.note("ok", { ...planned.deed, epoch: 1, seq });
    else this.note("fail", planned.deed);
    this.say();
  }
}

/** Creates a producer, which connects as often as its scribe comes back. */
export const createSocketProducer = (options: SocketProducerOptions): SocketProducer => new Producer(options);
