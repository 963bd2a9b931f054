import { describe, expect, it } from "@jest/globals";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { FrameRefused, type ComponentEvent } from "#nervous-system/recorder/component.ts";
import type { DueLesson } from "./stories.ts";
import type { Summarise } from "./summarise.ts";
import { createTeller } from "./tell-due.ts";

const never = new AbortController().signal;

const aLesson = (eventId: string): DueLesson => ({
  eventId,
  recalled: [],
  subject: { mission_uid: "m", mission: "fix-bug", namespace: "team-a", lineage: 0 },
  payload: { state: "learned", text: eventId, sources: [], libraries: [], files: [], summarizer: "extractive" },
});

const asItIs: Summarise = ({ payload }) => Promise.resolve(payload);

const tellerOf = (summarise: Summarise, fail?: (event: ComponentEvent) => void) => {
  const due: DueLesson[] = [];
  const written: Array<string | undefined> = [];
  const broken: unknown[] = [];
  const write = (event: ComponentEvent): Promise<string> => {
    fail?.(event);
    written.push(event.eventId);
    return Promise.resolve("");
  };
  const options = { record: { write }, summarise, log: silentLog, onLesson: () => {} };
  const teller = createTeller(
    { ...options, onBroken: (error) => broken.push(error) },
    {
      due: () => due,
      isDue: (eventId) => due.some((one) => one.eventId === eventId),
    },
  );
  return { teller, due, written, broken };
};

describe("what is due", () => {
  it("is written once, however often it is looked at", async () => {
    const { teller, due, written } = tellerOf(asItIs);
    due.push(aLesson("a"));
    teller.begin(never);
    due.push(aLesson("b"));
    teller.begin(never);
    teller.begin(never);
    await teller.ended();
    expect(written).toEqual(["a", "b"]);
  });

  it("is not written once it is to stop, whatever its words come to", async () => {
    const words = Promise.withResolvers<DueLesson["payload"]>();
    const { teller, due, written, broken } = tellerOf(() => words.promise);
    const stop = new AbortController();
    due.push(aLesson("a"));
    teller.begin(stop.signal);
    stop.abort(new Error("stop"));
    words.resolve(aLesson("a").payload);
    await teller.ended();
    expect([written, broken]).toEqual([[], [stop.signal.reason]]);
  });

  it("is not written that is due no longer once its words are there", async () => {
    const words = Promise.withResolvers<DueLesson["payload"]>();
    const { teller, due, written, broken } = tellerOf(() => words.promise);
    due.push(aLesson("a"));
    teller.begin(never);
    due.length = 0;
    words.resolve(aLesson("a").payload);
    await teller.ended();
    expect([written, broken]).toEqual([[], []]);
  });

  it("keeps nothing else waiting where one fits no record, and says where the log takes none", async () => {
    const full = new Error("the log is closed");
    const { teller, due, written, broken } = tellerOf(asItIs, ({ eventId }) => {
      if (eventId === "odd") throw new FrameRefused("LESSON", "too big");
      if (eventId === "unwritten") throw full;
    });
    due.push(aLesson("odd"), aLesson("unwritten"), aLesson("b"));
    teller.begin(never);
    await teller.ended();
    expect([written, broken]).toEqual([["b"], [full]]);
  });
});
