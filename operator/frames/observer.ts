import { setImmediate } from "node:timers/promises";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { placeOfItem, type StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { StreamChangedError, type StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyMission, type MissionFold } from "#nervous-system/fold/state.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { noMission } from "#nervous-system/schemas/ids.ts";
import type { FrameView, RecordHealth } from "#operator/frames/view.ts";

/** What missions remember of the stream: places mean nothing in another one of the same name. */
export type NeededStream = {
  /** First place that one of them needs. */
  readonly from: number;
  /** What stood before the first frame of the one admitted last. */
  readonly after?: StreamMark | undefined;
};

/** What the observer is made of. */
export type FrameObserverOptions = {
  bus: Pick<Bus, "connected" | "follow" | "holds" | "newest" | "streamCreated">;
  clock: Pick<Clock, "monotonicMs" | "sleep">;
  log: Log;
  /** Where unfinished missions need the stream from; nothing where no mission needs any. */
  needed: () => NeededStream | undefined;
  /** Whether a mission is still there; the fold of one that is gone is forgotten. */
  isKnown: (missionUid: string) => boolean;
  /** Called for each frame once it is folded. */
  onFrame: (frame: StoredFrame) => void;
  /** Called once everything that was in the stream at the start has been read. */
  onCaughtUp: () => void;
};

/** Follows the stream and folds it; a part of the manager. */
export type FrameObserver = FrameView & { readonly name: string; run(signal: AbortSignal): Promise<void> };

const probeEveryMs = 5_000;
const silentAfterMs = 20_000;
const retryMs = 1_000;
/** Frames between two turns of the event loop while the stream is read from the past. */
const framesPerTurn = 500;

/*
 *        begin: where does the stream end?      follow: position reaches the goal
 *  starting ─────────────────────────> reading the past ─────────────────────────> caught up: everybody is woken once
 *     ^                                       │                                        │
 *     ├──── following failed: goes on after `retryMs` where it was, caught up as before ─┤
 *     └──── the stream is not the one that was read: all is forgotten and read again ────┘
 */
type State = {
  folds: Map<string, MissionFold>;
  /** When a frame of each agent of each mission was heard last, on this process's clock. */
  heard: Map<string, Map<string, number>>;
  /** Since when the stream is read without a break. */
  followedAtMs: number;
  position: number;
  /** The message that was read last; the stream must still hold it when it is followed anew. */
  mark: StreamMark | undefined;
  /** Set by the first look at the stream. */
  goal: number | undefined;
  caughtUp: boolean;
  /** Set where the stream is not the one that was read: what missions know of places is of another one. */
  mustRereadAll: boolean;
  probedAtMs: number;
  problem: string;
};

const healthOf = ({ bus, clock }: FrameObserverOptions, state: State): RecordHealth => {
  const { position, mark, caughtUp, problem } = state;
  const bad = (message: string, more: Partial<RecordHealth> = {}): RecordHealth => ({
    healthy: false,
    message,
    position,
    mark,
    ...more,
  });
  if (!bus.connected()) return bad("The operator has no connection to NATS.", { starting: !caughtUp });
  if (!caughtUp)
    return bad(problem === "" ? "The record is being read from where the missions began." : problem, {
      starting: true,
    });
  if (clock.monotonicMs() - state.probedAtMs > silentAfterMs)
    return bad(problem === "" ? "The stream has not answered for 20 s." : problem);
  return { healthy: true, message: "", position, mark };
};

const take = (options: FrameObserverOptions, state: State, frame: StoredFrame): void => {
  const uid = frame.envelope.mission_uid;
  if (uid === noMission) return; // chains of external clients, as many as they like
  const before = state.folds.get(uid) ?? emptyMission(uid);
  const after = reduceMission(before, frame);
  if (after === before) return;
  state.folds.set(uid, after);
  const heard = state.heard.get(uid) ?? new Map<string, number>();
  state.heard.set(uid, heard.set(frame.envelope.agent_uid, options.clock.monotonicMs()));
  options.onFrame(frame);
};

const silentMs = (options: FrameObserverOptions, state: State, missionUid: string, agentUid: string): number => {
  // Who hears nothing of anybody knows nothing of one.
  if (!healthOf(options, state).healthy) return 0;
  const heardAtMs = state.heard.get(missionUid)?.get(agentUid) ?? Number.NEGATIVE_INFINITY;
  return options.clock.monotonicMs() - Math.max(heardAtMs, state.followedAtMs);
};

const noteProgress = (options: FrameObserverOptions, state: State): void => {
  if (state.caughtUp || state.goal === undefined || state.position < state.goal) return;
  state.caughtUp = true;
  options.log.info({ position: state.position, missions: state.folds.size }, "the record is read up to the present");
  options.onCaughtUp();
};

/** Place up to which the stream need not be read: the beginning, where it is not the one that missions remember. */
const beginning = async ({ bus, needed }: FrameObserverOptions, newest: StreamMark): Promise<number> => {
  const wanted = needed();
  // Of a stream without frames nothing will come that is there already.
  if (wanted === undefined || newest.hash === "") return newest.place;
  const { from, after } = wanted;
  const isTheSame = after === undefined ? from - 1 <= newest.place : await bus.holds(after);
  return isTheSame ? from - 1 : 0;
};

const begin = async (options: FrameObserverOptions, state: State): Promise<void> => {
  const newest = await options.bus.newest();
  state.probedAtMs = options.clock.monotonicMs();
  if (state.goal === undefined) {
    state.position = state.mustRereadAll && newest.hash !== "" ? 0 : await beginning(options, newest);
    state.goal = newest.place;
    state.mark = state.position === newest.place && newest.hash !== "" ? newest : undefined;
  }
  noteProgress(options, state);
};

const follow = async (options: FrameObserverOptions, state: State, signal: AbortSignal): Promise<void> => {
  await begin(options, state);
  state.followedAtMs = options.clock.monotonicMs();
  let turn = 0;
  for await (const { item, mark } of options.bus.follow({ from: state.position + 1, after: state.mark, signal })) {
    if (item.kind === "frame") take(options, state, item.frame);
    state.position = placeOfItem(item);
    state.mark = mark;
    noteProgress(options, state);
    if (++turn % framesPerTurn === 0) await setImmediate();
  }
};

const prune = ({ isKnown }: Pick<FrameObserverOptions, "isKnown">, state: State): void => {
  for (const uid of state.folds.keys()) {
    if (isKnown(uid)) continue;
    state.folds.delete(uid);
    state.heard.delete(uid);
  }
};

/** Looks from time to time whether the stream answers; that it is another one is the follower's to notice. */
const probe = async ({ bus, clock, ...options }: FrameObserverOptions, state: State, signal: AbortSignal) => {
  for (;;) {
    await clock.sleep(probeEveryMs, signal);
    try {
      await bus.streamCreated();
      state.probedAtMs = clock.monotonicMs();
      state.problem = "";
    } catch (error) {
      state.problem = `The stream does not answer: ${String(error)}`;
    }
    if (state.caughtUp) prune(options, state);
  }
};

/** What was read is not in the stream any more: all that it holds is read again. */
const forget = (state: State): void => {
  state.folds.clear();
  state.heard.clear();
  state.mark = undefined;
  state.goal = undefined;
  state.mustRereadAll = true;
  state.caughtUp = false;
};

const once = async (options: FrameObserverOptions, state: State, signal: AbortSignal): Promise<void> => {
  const both = new AbortController();
  const either = AbortSignal.any([signal, both.signal]);
  try {
    await Promise.race([follow(options, state, either), probe(options, state, either)]);
  } finally {
    both.abort(new Error("following anew"));
  }
};

/** Creates an observer that has read nothing. */
export const createFrameObserver = (options: FrameObserverOptions): FrameObserver => {
  const state: State = {
    folds: new Map(),
    heard: new Map(),
    followedAtMs: Number.POSITIVE_INFINITY,
    position: 0,
    mark: undefined,
    goal: undefined,
    caughtUp: false,
    mustRereadAll: false,
    probedAtMs: Number.NEGATIVE_INFINITY,
    problem: "",
  };
  return {
    name: "frames",
    health: () => healthOf(options, state),
    mission: (uid) => state.folds.get(uid),
    silentMs: (missionUid, agentUid) => silentMs(options, state, missionUid, agentUid),
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await once(options, state, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof StreamChangedError) forget(state);
          state.problem = `The stream cannot be read: ${String(error)}`;
          options.log.warn({ err: error }, "following the stream failed; trying again");
        }
        await options.clock.sleep(retryMs, signal).catch(() => undefined);
      }
    },
  };
};

/** A bus as the observer uses it. */
type ObservedBus = FrameObserverOptions["bus"];

/**
 * A bus that is still being connected: until then it is away. The operator starts, deletes and tells people what is
 * missing also while NATS is not there.
 */
export const lateBus = (connecting: Promise<Bus>): ObservedBus => {
  let bus: Bus | undefined;
  connecting.then(
    (connected) => (bus = connected),
    () => undefined,
  );
  const present = (): Bus => {
    if (bus === undefined) throw new Error("there is no connection to NATS yet");
    return bus;
  };
  return {
    connected: () => bus?.connected() ?? false,
    newest: async () => present().newest(),
    holds: async (mark) => present().holds(mark),
    streamCreated: async () => present().streamCreated(),
    follow: (options) => present().follow(options),
  };
};
