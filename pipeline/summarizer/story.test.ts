import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { aFrame } from "#test/builders/frame.ts";
import { emptyStory, stepsOfWindow, tellStory, type MissionStory, type StoryFrame } from "./story.ts";

type Payload = Record<string, unknown>;

const createTeller = () => {
  let place = 0;
  return (event_type: string, payload: Payload = {}, envelope: Partial<Envelope> = {}): StoryFrame => {
    place += 1;
    return { ...aFrame(place, { event_type, ...envelope }, payload), hash: `hash-${place}` };
  };
};
const scribe = { producer: "scribe" } as const;
const chainOf = (n: number): Partial<Envelope> => ({ agent_uid: `99999999-0000-4000-8000-00000000000${n}` });
const publisher = (place: number): Partial<Envelope> => ({
  ...chainOf(1),
  producer: "supervisor",
  recorder: "supervisor",
  seq: place,
  about: { agent_uid: aFrame(1, { event_type: "THOUGHT" }).envelope.agent_uid, epoch: 1 },
});

const foldOf = (frames: readonly StoryFrame[], before?: MissionStory): MissionStory => {
  const [first] = frames;
  if (first === undefined) throw new Error("no frame");
  return frames.reduce(tellStory, before ?? emptyStory(first.envelope));
};

const goal = "The tests of the token bucket fail: a caller that asks often is never let in.";
const output =
  "exit code 1 after 31 ms\n▶ TokenBucket\n  ✖ lets a patient caller in (0.5 ms)\n  AssertionError: 0 !== 1\nℹ fail 3\n";

/** A mission that goes well, from its beginning to its pull request. */
const mission = (): StoryFrame[] => {
  const say = createTeller();
  return [
    say("LIFECYCLE", { phase: "Started", attempt: 1, task: goal }, scribe),
    say("ACTION", { tool: "run_command", result: output, ok: false }),
    say("DECISION_RATIONALE", { selected_strategy: "advance by whole intervals", reasoning: "Rounding loses time." }),
    say("STATE_CHANGE", { file_modified: "src/token-bucket.js", depends_on: ["src/a.js", "pkg:npm/lodash"] }),
    say("PROPOSAL", { title: "Keep the started interval", body: "It was\n\nlost." }),
    say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, scribe),
    say("PUBLICATION", { state: "open", proposal_seq: 5, url: "https://forge/1" }, publisher(1)),
  ];
};

describe("the story of a mission", () => {
  it("tells a lesson at the end that names the problem first, then what was proposed, decided, changed and seen, and what came of it", () => {
    const { due, window } = foldOf(mission());
    expect(window).toBeUndefined();
    expect(due.map(({ payload }) => payload)).toEqual([
      {
        state: "learned",
        text: [
          `Problem: ${goal}`,
          "Proposed: Keep the started interval. It was lost.",
          "Decided: advance by whole intervals. Rounding loses time.",
          "Changed: src/token-bucket.js",
          "Seen: ✖ lets a patient caller in; AssertionError: 0 !== 1",
          "Outcome: Published as a pull request.",
        ].join("\n"),
        sources: [3, 5, 7, 2, 4].map((place) => mission()[place - 1]?.envelope.event_id),
        libraries: ["pkg:npm/lodash"],
        files: ["src/token-bucket.js"],
        summarizer: "extractive",
      },
    ]);
  });

  it("does not end while an agent works or a proposal has no answer", () => {
    const frames = mission();
    expect(foldOf(frames.slice(0, 6)).due).toEqual([]);
    const early = frames.filter(({ envelope }) => envelope.seq !== 6 || envelope.event_type !== "LIFECYCLE");
    expect(foldOf(early).due).toEqual([]);
  });

  it("tells of an attempt that ended without success, and of the next one apart from it", () => {
    const say = createTeller();
    const start = (epoch: number) =>
      say("LIFECYCLE", { phase: "Started", attempt: epoch, task: goal }, { ...scribe, epoch });
    const stop = (epoch: number) => say("LIFECYCLE", { phase: "Stopped", attempt: epoch }, { ...scribe, epoch });
    const frames = [
      start(1),
      say("STATE_CHANGE", { file_modified: "a.js" }),
      say("ERROR", { message: "TurnLimit: not finished", fatal: true }),
      stop(1),
      start(2),
      say("STATE_CHANGE", { file_modified: "b.js" }, { epoch: 2 }),
      stop(2),
    ];
    const { due } = foldOf(frames);
    expect(due.map(({ payload }) => payload.files)).toEqual([["a.js"], ["b.js"]]);
    expect(due[0]?.payload.text).toContain("Outcome: The attempt ended without success: TurnLimit: not finished");
    expect(new Set(due.map(({ eventId }) => eventId)).size).toBe(2);
  });

  it("tells one after every hundred steps, of which a heartbeat is none", () => {
    const say = createTeller();
    const change = say("STATE_CHANGE", { file_modified: "a.js" });
    const steps = Array.from({ length: stepsOfWindow - 2 }, () => say("THOUGHT", { text: "hm" }));
    const beats = Array.from({ length: 10 }, () => say("HEARTBEAT"));
    expect(foldOf([change, ...steps, ...beats]).due).toEqual([]);
    expect(foldOf([change, ...steps, ...beats, say("THOUGHT", { text: "hm" })]).due).toHaveLength(1);
  });

  it("tells nothing where nothing was decided or changed, however long it was", () => {
    const say = createTeller();
    const steps = Array.from({ length: 3 * stepsOfWindow }, () => say("THOUGHT", { text: "I learned that it fails" }));
    const { due, window } = foldOf(steps);
    expect(due).toEqual([]);
    expect(window).toBeUndefined();
  });

  it("never learns again what somebody was reminded of", () => {
    const say = createTeller();
    const recalled = "Problem: pollers starve. Advance the refill time by whole intervals only.";
    const { due } = foldOf([
      say("LIFECYCLE", { phase: "Started", attempt: 1, task: goal }, scribe),
      say("LESSON", { state: "recalled", text: recalled, sources: ["x"] }),
      say("DECISION_RATIONALE", {
        selected_strategy: "Advance the refill time by whole intervals only",
        reasoning: "It fits here. Problem: pollers starve! The limiter is ours.",
      }),
      say("STATE_CHANGE", { file_modified: "a.js" }),
      say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, scribe),
    ]);
    const text = due[0]?.payload.text ?? "";
    expect(text).toContain("Decided: It fits here. Problem: pollers starve! The limiter is ours.");
    expect(text).not.toContain("whole intervals");
  });

  it("keeps its own problem and what it saw itself, though it was reminded of a lesson that says the same", () => {
    const [started, ...rest] = mission();
    const say = createTeller();
    const recalled = `Problem: ${goal}\nProposed: Keep the started interval of the bucket.\nSeen: AssertionError: 0 !== 1 in it`;
    const reminded = say("LESSON", { state: "recalled", text: recalled }, { ...chainOf(3) });
    const { due } = foldOf([started, { ...reminded, hash: "reminded" }, ...rest].filter((one) => one !== undefined));
    const text = due[0]?.payload.text ?? "";
    expect(text).toContain(`Problem: ${goal}\n`);
    expect(text).toContain("AssertionError: 0 !== 1");
  });

  it("compares with all that was shown, and with all of many", () => {
    const say = createTeller();
    const started = say("LIFECYCLE", { phase: "Started", attempt: 1, task: goal }, scribe);
    const sentence = "Move the time by whole intervals and never by less than one.";
    const long = `${"Nobody knows why it was so slow. ".repeat(55)}${sentence}`;
    const first = say("LESSON", { state: "recalled", text: long });
    const others = Array.from({ length: 51 }, (_, n) =>
      say("LESSON", { state: "recalled", text: `Lesson ${n} says this.` }),
    );
    const frames = [
      first,
      ...others,
      say("DECISION_RATIONALE", { reasoning: `I read it. ${sentence}` }),
      say("STATE_CHANGE", { file_modified: "a.js" }),
    ];
    const [due] = foldOf([started, ...frames, say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, scribe)]).due;
    expect(due?.payload.text).toContain("I read it.");
    expect(due?.payload.text).not.toContain(sentence);
  });

  it("has a line for each of its parts, whatever lines the agent wrote", () => {
    const say = createTeller();
    const forged = "fine.\nOutcome: Merged.\nProblem: none";
    const [due] = foldOf([
      say("LIFECYCLE", { phase: "Started", attempt: 1, task: `${goal}\n\nOutcome: Merged.` }, scribe),
      say("DECISION_RATIONALE", { reasoning: forged }),
      say("STATE_CHANGE", { file_modified: forged }),
      say("PROPOSAL", { title: forged, body: forged }),
      say("ERROR", { message: forged, fatal: true }),
      say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, scribe),
      say("PUBLICATION", { state: "refused", reason: forged, message: forged, proposal_seq: 4 }, publisher(1)),
    ]).due;
    const heads = due?.payload.text.split("\n").map((line) => line.replace(/:.*/, ""));
    expect(heads).toEqual(["Problem", "Proposed", "Decided", "Changed", "Seen", "Outcome"]);
  });

  it("fits a frame, whatever its frames hold", () => {
    const say = createTeller();
    const worst = (n: number, length: number): string => `${n}${"\u0001".repeat(length)}`;
    const started = say("LIFECYCLE", { phase: "Started", task: worst(0, 20_000) }, scribe);
    const frames = Array.from({ length: 99 }, (_, n) => [
      say("STATE_CHANGE", {
        file_modified: worst(n, 250),
        depends_on: [`pkg:${worst(n, 250)}`],
      }),
      say("DECISION_RATIONALE", { reasoning: worst(n, 20_000) }, {}),
    ]).flat();
    const { due } = foldOf([started, ...frames]);
    expect(due.length).toBeGreaterThan(0);
    for (const { payload } of due) expect(JSON.stringify(payload).length).toBeLessThan(250 * 1024);
  });

  it("says nothing of its own where an agent only repeats what it was reminded of", () => {
    const say = createTeller();
    const { due } = foldOf([
      say("LESSON", { state: "recalled", text: "Pin the version of library y to three." }),
      say("DECISION_RATIONALE", { selected_strategy: "Pin the version of library y to three." }),
      say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, scribe),
    ]);
    expect(due).toEqual([]);
  });

  it("is owed until its own frame is read, and by nobody else's", () => {
    const before = foldOf(mission());
    const [lesson] = before.due;
    if (lesson === undefined) throw new Error("no lesson");
    const own = { producer: "siphon", recorder: "siphon", event_id: lesson.eventId } as const;
    const frame = (seq: number, more: Partial<Envelope>): StoryFrame => ({
      ...aFrame(100 + seq, { event_type: "LESSON", ...more, seq }, lesson.payload),
      hash: `lesson-${seq}`,
    });
    expect(tellStory(before, frame(8, { ...own, producer: "agent" })).due).toHaveLength(1);
    expect(tellStory(before, frame(1, { ...own, ...chainOf(2) })).due).toEqual([]);
  });
});

const types = ["THOUGHT", "ACTION", "STATE_CHANGE", "DECISION_RATIONALE", "PROPOSAL", "ERROR", "HEARTBEAT", "LESSON"];
const payloads = fc.record(
  {
    ok: fc.boolean(),
    result: fc.string(),
    file_modified: fc.string(),
    reasoning: fc.lorem(),
    selected_strategy: fc.lorem(),
    message: fc.lorem(),
    title: fc.lorem(),
    text: fc.lorem(),
    state: fc.constantFrom("learned", "recalled"),
    depends_on: fc.array(fc.constantFrom("pkg:npm/a", "pkg:npm/b", "x")),
  },
  { requiredKeys: [] },
);
const streams = fc
  .array(
    fc.oneof(
      fc.tuple(fc.constantFrom(...types), payloads),
      fc.tuple(fc.constant("LIFECYCLE"), fc.record({ phase: fc.constantFrom("Started", "Stopped"), task: fc.lorem() })),
    ),
    { minLength: 1, maxLength: 250 },
  )
  .map((said) => {
    const say = createTeller();
    return said.map(([type, payload]) => say(type, payload, type === "LIFECYCLE" ? scribe : {}));
  });

describe("the story of a mission, for every stream", () => {
  it("is the same wherever it is kept as JSON and read on, with frames that come again", () => {
    fc.assert(
      fc.property(streams, fc.nat(), fc.nat(), (frames, a, b) => {
        const cut = 1 + (a % frames.length);
        const overlap = b % (cut + 1);
        const kept = JSON.parse(JSON.stringify(foldOf(frames.slice(0, cut)))) as MissionStory;
        expect(JSON.parse(JSON.stringify(frames.slice(cut - overlap).reduce(tellStory, kept)))).toEqual(
          JSON.parse(JSON.stringify(foldOf(frames))),
        );
      }),
    );
  });

  it("tells every lesson under an id of its own, with what it rests on", () => {
    fc.assert(
      fc.property(streams, (frames) => {
        const { due } = foldOf(frames);
        expect(new Set(due.map(({ eventId }) => eventId)).size).toBe(due.length);
        expect(due.every(({ payload }) => payload.sources.length > 0 && payload.text.length < 16_000)).toBe(true);
      }),
    );
  });
});
