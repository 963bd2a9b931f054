import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { readFrame, readPayload, type Reading } from "#nervous-system/fold/read-frame.ts";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { emptyMission, type AgentFold, type AnsweredFold, type MissionFold } from "#nervous-system/fold/state.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { rowOfWords } from "#pipeline/summarizer/recalled-words.ts";
import { renderLesson, type LearnedPayload } from "#pipeline/summarizer/render-lesson.ts";
import { emptyWindow, gather, keepTold, toldIn, type Told, type Window } from "#pipeline/summarizer/window.ts";

/** What the story reads of a stored frame. */
export type StoryFrame = Pick<StoredFrame, "envelope" | "bytes" | "place" | "hash">;

/** A lesson that the stream does not hold yet, as far as it was read. */
type DueLesson = {
  readonly eventId: string;
  readonly payload: LearnedPayload;
  /** Every event that it has words of, more than it names as its sources; absent where an older release made it. */
  readonly events?: readonly string[];
};

/** One history of a mission as lessons are made of it: a pure function of its frames, bounded, and plain JSON. */
export type MissionStory = Pick<Envelope, "mission_uid" | "mission" | "namespace" | "lineage"> & {
  readonly fold: MissionFold;
  /** What it is for, as its first attempt was told. */
  readonly task: Told;
  /** Attempts that began and have not ended: epoch by the agent's UID. */
  readonly running: Readonly<Record<string, number>>;
  /** What its agents were reminded of, as rows of words. */
  readonly recalled: readonly Told[];
  /** What was told since the last lesson. */
  readonly window?: Window;
  readonly due: readonly DueLesson[];
};

/** Frames other than heartbeats after which a mission that goes on tells a lesson. */
export const stepsOfWindow = 100;

const MAX_TASK = 4_000;
// More than an attempt is shown (the cortex: 51), each as whole as it is shown.
const MOST_RECALLED = 64;
const MAX_RECALLED = 2_000;

const noTask: Told = { text: "", event: "" };

/** The story of a mission of which no frame was read. */
export const emptyStory = ({ mission_uid, mission, namespace, lineage }: Envelope): MissionStory => ({
  mission_uid,
  mission,
  namespace,
  lineage,
  fold: emptyMission(mission_uid),
  task: noTask,
  running: {},
  recalled: [],
  due: [],
});

type Change = Pick<MissionStory, "task" | "running" | "recalled">;

const without = (running: MissionStory["running"], uid: string): MissionStory["running"] =>
  Object.fromEntries(Object.entries(running).filter(([known]) => known !== uid));

const afterLifecycle = (story: Change, envelope: Envelope, phase = "", task = ""): Change => {
  const { agent_uid: uid, epoch, event_id: event } = envelope;
  if (phase === "Started")
    return {
      ...story,
      task: story.task.text === "" ? { text: task.slice(0, MAX_TASK).toWellFormed(), event } : story.task,
      running: { ...story.running, [uid]: epoch },
    };
  return phase === "Stopped" && story.running[uid] === epoch
    ? { ...story, running: without(story.running, uid) }
    : story;
};

const learnedOf = (story: Change, envelope: Envelope, reading: Reading): Change => {
  if (reading.type === "LIFECYCLE" && envelope.producer === "scribe")
    return afterLifecycle(story, envelope, reading.said.phase, reading.said.task);
  if (reading.type === "LESSON" && reading.said.state === "recalled") {
    const row = { text: rowOfWords((reading.said.text ?? "").slice(0, MAX_RECALLED)), event: envelope.event_id };
    return { ...story, recalled: [...story.recalled, row].slice(-MOST_RECALLED) };
  }
  return story;
};

/** Types of which nothing is learned but that it was a step: reading them costs more than the fold. */
const onlyCounted: ReadonlySet<string> = new Set(["THOUGHT", "MODEL_CALL", "CHAT", "MESSAGE"]);

/** Whether nobody works on it and no proposal waits for its answer. */
const isAtRest = ({ running, fold }: MissionStory): boolean =>
  Object.keys(running).length === 0 && Object.values(fold.agents).every(({ proposals }) => proposals.open.length === 0);

const mayEnd: ReadonlySet<string | undefined> = new Set(["LIFECYCLE", "PUBLICATION"]);

/** What a mission was reminded of, as rows of words. */
export const rowsOf = (recalled: readonly Told[]): string[] => recalled.map(({ text }) => text);

/** Ends the window with the lesson that it gives; one that gives none goes on until it is full. */
export const endWindow = (story: MissionStory): MissionStory => {
  const { window, task, recalled, mission_uid, lineage, due, ...rest } = story;
  if (window === undefined) return story;
  const payload = renderLesson(window, task.text, rowsOf(recalled));
  const after = { ...rest, task, recalled, mission_uid, lineage };
  if (payload === undefined) return window.steps < stepsOfWindow ? story : { ...after, due };
  const eventId = stableId("lesson", mission_uid, String(lineage), window.first);
  const told = [...(task.text === "" ? [] : [task]), ...toldIn(window)];
  const events = [...new Set(told.map(({ event }) => event))];
  return { ...after, due: [...due, { eventId, payload, events }] };
};

const withStep = (story: MissionStory, frame: StoryFrame): MissionStory => {
  const { envelope, bytes, hash } = frame;
  if (envelope.event_type === "HEARTBEAT") return story;
  const { event_type: type } = envelope;
  const reading = onlyCounted.has(type) ? readPayload(type, undefined) : readFrame(type, bytes);
  const window = gather(story.window ?? emptyWindow(hash), reading, envelope.event_id);
  const after = { ...story, ...learnedOf(story, envelope, reading), window };
  const ends = mayEnd.has(reading.type) && isAtRest(after);
  return ends || window.steps >= stepsOfWindow ? endWindow(after) : after;
};

const withoutMessage = (answered: AnsweredFold): AnsweredFold => ({
  ...answered,
  publication: { ...answered.publication, message: "" },
});

const withoutWordsOf = (given: AgentFold): AgentFold => {
  const { lastError: _, activity: __, ...agent } = given;
  const { published, refused, ...proposals } = agent.proposals;
  return {
    ...agent,
    proposals: {
      ...proposals,
      open: proposals.open.map((one) => ({ ...one, title: "" })),
      ...(published === undefined ? {} : { published: withoutMessage(published) }),
      ...(refused === undefined ? {} : { refused: withoutMessage(refused) }),
    },
  };
};

/** A fold without what it keeps for people, of which no lesson is made: nobody could erase it there. */
export const withoutWords = (fold: MissionFold, uids: readonly string[] = Object.keys(fold.agents)): MissionFold => {
  const agents = uids.flatMap((uid) => {
    const agent = ownOf(fold.agents, uid);
    return agent === undefined ? [] : [[uid, withoutWordsOf(agent)] as const];
  });
  return { ...fold, agents: { ...fold.agents, ...Object.fromEntries(agents) } };
};

/**
 * The story after one more frame of its mission, in the stream's order; a frame that was told before changes nothing. A lesson is
 * due from the frame that ends its window until its own frame is read.
 */
export const tellStory = (story: MissionStory, frame: StoryFrame): MissionStory => {
  const reduced = reduceMission(story.fold, frame);
  if (reduced === story.fold) return story;
  const { producer, event_type: type, event_id: id, agent_uid: uid, about } = frame.envelope;
  const fold = withoutWords(reduced, [uid, about?.agent_uid ?? uid]);
  if (producer !== "siphon") return withStep({ ...story, fold }, frame);
  const due = type === "LESSON" ? story.due.filter(({ eventId }) => eventId !== id) : story.due;
  return { ...story, fold, due };
};

/**
 * The story without the words of an erased frame, and without lessons that have some of them; itself where there are none. What an
 * older release kept says not always by which frame it was told: that goes with every order.
 */
export const eraseFromStory = (story: MissionStory, eventId: string): MissionStory => {
  const isKept = ({ event }: Told): boolean => event !== "" && event !== eventId;
  const isOwed = ({ events = [""] }: DueLesson): boolean => events.every((event) => isKept({ text: "", event }));
  const { window, task, recalled, due } = story;
  const told = [...recalled, ...(window === undefined ? [] : toldIn(window)), ...(task.text === "" ? [] : [task])];
  if (told.every(isKept) && due.every(isOwed)) return story;
  return {
    ...story,
    task: isKept(task) ? task : noTask,
    recalled: recalled.filter(isKept),
    due: due.filter(isOwed),
    ...(window === undefined ? {} : { window: keepTold(window, isKept) }),
  };
};
