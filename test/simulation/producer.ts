import { createHash } from "node:crypto";
import type { Producer as ProducerName } from "#nervous-system/schemas/frames/define-frame.ts";
import type { Recorder, RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { EventLoop } from "./event-loop.ts";
import type { History, RecordedDeed } from "./history.ts";
import type { Member } from "./identities.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** What a producer has to say, and when. */
export type PlannedFrame = { readonly deed: RecordedDeed; readonly frame: unknown; readonly thinkMs: number };

/** A program that records: it says its frames in order, and again what it has no answer for when its recorder comes back. */
export type Producer = {
  /** A recorder is there; a dead one breaks the connection. */
  connect(recorder: Recorder, life: Life): void;
  /** Whether every frame has its answer. */
  isDone(): boolean;
};

/** Digest of what a frame says, which its stored bytes must say too. */
export const digestOf = (eventType: string, payload: unknown): string =>
  createHash("sha256")
    .update(`${eventType}\n${JSON.stringify(payload)}`)
    .digest("base64url")
    .slice(0, 16);

/** Bytes of a text: mostly short, now and then long. */
const textBytes = (random: Random, maxBytes: number): number => {
  const scale = random.next() ** 6;
  return 1 + Math.floor(scale * maxBytes);
};

const plan = (member: Member, n: number, random: Random, maxBytes: number): { eventType: string; payload: object } => {
  const text = `${n} ${"x".repeat(textBytes(random, maxBytes))}`;
  // What this producer may not write, or what is no frame, keeps being refused however often it is said.
  if (random.chance(0.03))
    return { eventType: member.role === "agent" ? "MODEL_CALL" : "THOUGHT", payload: { n, text } };
  if (random.chance(0.01)) return { eventType: "not a type", payload: { n } };
  if (member.role === "agent") return { eventType: "THOUGHT", payload: { n, text } };
  return { eventType: "MODEL_CALL", payload: { provider: "p", model: "m", latency_ms: n, n, text } };
};

/** Plans frame `n` of a producer. */
export const planFrame = (
  member: Member,
  n: number,
  random: Random,
  shape: { maxBytes: number; thinkMs: number },
): PlannedFrame => {
  const { eventType, payload } = plan(member, n, random, shape.maxBytes);
  const id = random.ids.next();
  return {
    deed: { agent: member.agentUid, n, id, digest: digestOf(eventType, payload) },
    frame: { event_id: id, event_type: eventType, payload },
    thinkMs: random.chance(0.5) ? 0 : random.next() * shape.thinkMs,
  };
};

/** Plans the frames of one producer. */
export const planFrames = (
  member: Member,
  random: Random,
  shape: { frames: number; maxBytes: number; thinkMs: number },
): PlannedFrame[] => Array.from({ length: shape.frames }, (_, at) => planFrame(member, at + 1, random, shape));

/** What a producer is made of. */
export type ProducerOptions = {
  member: Member;
  frames: readonly PlannedFrame[];
  /** Frames under way at once. */
  window: number;
  loop: EventLoop;
  history: History;
};

type Connection = { open: boolean; recorder: Recorder; life: Life };

const WAY_MS = 0.05;

class SocketProducer implements Producer {
  private readonly options: ProducerOptions;
  private readonly name: ProducerName;
  private connection: Connection | undefined;
  /** Said on the present connection and not answered. */
  private readonly underWay = new Set<PlannedFrame>();
  /** To be said, in order. */
  private queue: PlannedFrame[];
  private thinking = false;

  constructor(options: ProducerOptions) {
    this.options = options;
    this.name = options.member.role === "agent" ? "agent" : "gateway";
    this.queue = [...options.frames];
  }

  isDone(): boolean {
    return this.queue.length === 0 && this.underWay.size === 0;
  }

  connect(recorder: Recorder, life: Life): void {
    const connection: Connection = { open: true, recorder, life };
    this.connection = connection;
    life.onDeath(() => this.hangUp(connection));
    this.sayMore();
  }

  private hangUp(connection: Connection): void {
    connection.open = false;
    if (this.connection !== connection) return;
    this.connection = undefined;
    const unanswered = [...this.underWay];
    for (const { deed } of unanswered) this.note("info", deed);
    this.underWay.clear();
    // What embeds its recorder dies with it, and says nothing twice.
    if (this.options.member.role === "agent") this.queue = [...unanswered, ...this.queue];
  }

  private note(type: "invoke" | "ok" | "fail" | "info", value: RecordedDeed): void {
    this.options.history.add(this.options.member.name, type, { f: "record", value });
  }

  private sayMore(): void {
    const { connection } = this;
    while (connection?.open === true && !this.thinking && this.underWay.size < this.options.window) {
      const next = this.queue.shift();
      if (next === undefined) return;
      this.say(next, connection);
      if (next.thinkMs > 0) this.think(next.thinkMs);
    }
  }

  private think(ms: number): void {
    this.thinking = true;
    this.options.loop.after(ms, () => {
      this.thinking = false;
      this.sayMore();
    });
  }

  private say(planned: PlannedFrame, connection: Connection): void {
    const { loop } = this.options;
    const { life, recorder } = connection;
    this.underWay.add(planned);
    this.note("invoke", planned.deed);
    const answer = (result: RecordResult): void => {
      loop.after(WAY_MS, () => {
        if (connection.open) this.hear(planned, result);
      });
    };
    loop.after(WAY_MS, () => {
      if (!connection.open) return;
      // A log that closes answers nothing: the connection ends, and the frame is said again.
      recorder.record(planned.frame, { producer: this.name }).then(life.hears(answer), () => undefined);
    });
  }

  private hear(planned: PlannedFrame, result: RecordResult): void {
    this.underWay.delete(planned);
    const { epoch } = this.connection?.recorder ?? { epoch: 0 };
    if (result.ok) this.note("ok", { ...planned.deed, epoch, seq: result.seq });
    else this.note("fail", planned.deed);
    this.sayMore();
  }
}

/** Creates a producer that waits for its recorder. */
export const createProducer = (options: ProducerOptions): Producer => new SocketProducer(options);
