import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { Conversation, ownMessages, type ChatMessage } from "./conversation.ts";

/** A step of an agent: the call of a model, or where none is recorded the decision, that it began with, and what it did then. */
export type Step = {
  readonly began: RecordedFrame;
  /** Name of the agent; empty where no frame until the end of the step tells it. */
  readonly agent: string;
  /** UID and attempt of the agent. */
  readonly agentUid: string;
  readonly epoch: number;
  /** The agent's frames until its next step, in the order of time. */
  readonly taken: readonly RecordedFrame[];
  /** How many frames were too many to be kept. */
  readonly takenOmitted: number;
  /** What the frames of the conversation say until then, and how many messages before that are left out. */
  readonly conversation: { readonly messages: readonly ChatMessage[]; readonly omitted: number };
};

/** The frame types that steps are made of; LIFECYCLE tells an agent's name before its first call. */
export const stepTypes = [
  "LIFECYCLE",
  "MODEL_CALL",
  "THOUGHT",
  "DECISION_RATIONALE",
  "ACTION",
  "MESSAGE",
  "STATE_CHANGE",
  "PROPOSAL",
] as const;

type Begun = Omit<Step, "taken" | "takenOmitted">;

/** The order of time is not that of recording: a call is a gateway's frame, what follows it the agent's. */
const observed = ({ envelope }: RecordedFrame): bigint => BigInt(envelope.observed);
const byTime = (a: RecordedFrame, b: RecordedFrame): number => (observed(a) < observed(b) ? -1 : 1);

/** Steps of an attempt that wait for frames which are recorded late. */
const MAX_OPEN = 2;
const MAX_FRAMES = 1000;

class Attempt {
  hasCalls: boolean;
  private begun: Begun[] = [];
  private frames: RecordedFrame[] = [];
  private omitted = 0;

  constructor(hasCalls: boolean) {
    this.hasCalls = hasCalls;
  }

  /** A call may be recorded behind the decision that followed it, which looked like the beginning until then and is its action. */
  beginCall(step: Begun): Step[] {
    this.hasCalls = true;
    const isOwn = ({ began }: Begun): boolean =>
      began.envelope.event_type !== "MODEL_CALL" && observed(began) >= observed(step.began);
    this.begun = this.begun.filter((one) => !isOwn(one));
    return this.begin(step);
  }

  begin(step: Begun): Step[] {
    this.begun.push(step);
    this.begun.sort((a, b) => byTime(a.began, b.began));
    return this.begun.length > MAX_OPEN ? this.finish() : [];
  }

  add(frame: RecordedFrame): void {
    if (this.frames.length < MAX_FRAMES) this.frames.push(frame);
    else if (this.begun.length > 0) this.omitted += 1;
    else this.frames = [...this.frames.slice(1), frame];
  }

  end(): Step[] {
    const steps: Step[] = [];
    while (this.begun.length > 0) steps.push(...this.finish());
    return steps;
  }

  private finish(): Step[] {
    const first = this.begun.shift();
    if (first === undefined) return [];
    const [from, next] = [observed(first.began), this.begun[0]?.began];
    const isBefore = (frame: RecordedFrame): boolean => next === undefined || observed(frame) < observed(next);
    const taken = this.frames.filter((frame) => observed(frame) >= from && isBefore(frame)).toSorted(byTime);
    const step = { ...first, taken, takenOmitted: this.omitted };
    this.frames = this.frames.filter((frame) => !isBefore(frame));
    this.omitted = 0;
    return [step];
  }
}

/** Attempts and conversations that are held, those that frames came of last: more are seldom at work at once. */
const MAX_HELD = 256;

/** Makes one the last of a map, and answers the first where there are too many. */
const holdLast = <V>(held: Map<string, V>, key: string, value: V): readonly [string, V] | undefined => {
  held.delete(key);
  held.set(key, value);
  if (held.size <= MAX_HELD) return undefined;
  const [oldest] = held;
  if (oldest !== undefined) held.delete(oldest[0]);
  return oldest;
};

/** Puts the frames of many agents, as they were recorded, together into steps. */
export class Steps {
  private readonly attempts = new Map<string, Attempt>();
  /** Attempts that were let go of and had calls. */
  private readonly hadCalls = new Set<string>();
  /** Names of agents by UID, and conversations by mission and name, which outlive attempts. */
  private readonly names = new Map<string, string>();
  private readonly conversations = new Map<string, Conversation>();
  /** How many messages the conversations had that were let go of. */
  private readonly forgotten = new Map<string, number>();
  /** Steps of attempts that were let go of, until they are answered. */
  private over: Step[] = [];

  /** Takes the next frame; answers the steps that are over. */
  take(frame: RecordedFrame): readonly Step[] {
    const { event_type: type, about, agent_uid, epoch } = frame.envelope;
    const who =
      about === undefined ? { agentUid: agent_uid, epoch } : { agentUid: about.agent_uid, epoch: about.epoch };
    if (about === undefined) this.hearName(frame);
    if (type === "LIFECYCLE") return [];
    const attempt = this.attemptOf(who.agentUid, who.epoch);
    if (type === "MODEL_CALL") return this.letGo(attempt.beginCall(this.begunBy(frame, who)));
    if (about !== undefined) return this.letGo([]);
    const ended = type === "DECISION_RATIONALE" && !attempt.hasCalls ? attempt.begin(this.begunBy(frame, who)) : [];
    attempt.add(frame);
    this.converse(frame);
    return this.letGo(ended);
  }

  /** The steps that nothing follows. */
  end(): readonly Step[] {
    return this.letGo([...this.attempts.values()].flatMap((attempt) => attempt.end()));
  }

  private letGo(ended: readonly Step[]): readonly Step[] {
    const { over } = this;
    this.over = [];
    return [...over, ...ended].map((step) => ({ ...step, agent: step.agent || this.nameOf(step.agentUid) }));
  }

  private nameOf(agentUid: string): string {
    return this.names.get(agentUid) ?? "";
  }

  private attemptOf(agentUid: string, epoch: number): Attempt {
    const key = `${agentUid}/${epoch}`;
    const attempt = this.attempts.get(key) ?? new Attempt(this.hadCalls.has(key));
    const [oldest, other] = holdLast(this.attempts, key, attempt) ?? [];
    if (oldest === undefined || other === undefined) return attempt;
    if (other.hasCalls) this.hadCalls.add(oldest);
    this.over.push(...other.end());
    return attempt;
  }

  private begunBy(began: RecordedFrame, who: Pick<Step, "agentUid" | "epoch">): Begun {
    const agent = this.nameOf(who.agentUid);
    return { began, agent, ...who, conversation: this.conversationOf(began, agent).now() };
  }

  private hearName({ envelope, bytes }: RecordedFrame): void {
    const { agent_id: name } = JSON.parse(Buffer.from(bytes).toString()) as { agent_id?: unknown };
    if (typeof name === "string") this.names.set(envelope.agent_uid, name);
  }

  private conversationOf({ envelope }: RecordedFrame, name: string): Conversation {
    const key = `${envelope.mission_uid}/${name}`;
    const conversation = this.conversations.get(key) ?? new Conversation(this.forgotten.get(key));
    const [oldest, other] = holdLast(this.conversations, key, conversation) ?? [];
    if (oldest !== undefined && other !== undefined) this.forgotten.set(oldest, other.length);
    return conversation;
  }

  private converse(frame: RecordedFrame): void {
    const name = this.nameOf(frame.envelope.agent_uid);
    this.conversationOf(frame, name).add(ownMessages(frame));
    if (frame.envelope.event_type !== "MESSAGE") return;
    const { to = "", from = name, text = "" } = saidIn("MESSAGE", frame.bytes);
    if (to === "" || to === name || text === "") return;
    this.conversationOf(frame, to).add([{ role: "user", name: from, content: text }]);
  }
}
