import { describe, expect, it } from "@jest/globals";
import { noMission, stableId } from "#nervous-system/schemas/ids.ts";
import { aFrame } from "#test/builders/frame.ts";
import { createStories } from "./stories.ts";

const missionOf = (n: number): string => stableId("mission", String(n));

const stored = (place: number, mission_uid: string, file = "") => ({
  ...aFrame(place, { event_type: file === "" ? "THOUGHT" : "STATE_CHANGE", mission_uid }, { file_modified: file }),
  envelopeText: "",
  prevHash: "",
  hash: `hash-${place}`,
  storedNs: 0n,
});

describe("the stories of all missions", () => {
  it("are none of what belongs to no mission, or was sent by an external client", () => {
    const stories = createStories(new Map(), 10);
    stories.tell(stored(1, noMission, "a.js"));
    stories.tell({ ...stored(2, missionOf(1), "a.js"), principal: "jane" });
    expect(stories.changes()).toEqual(new Map());
  });

  it("are told once each time that they change", () => {
    const stories = createStories(new Map(), 10);
    stories.tell(stored(1, missionOf(1)));
    expect([...stories.changes().keys()]).toEqual([`${missionOf(1)}-0`]);
    stories.tell(stored(1, missionOf(1)));
    expect(stories.changes()).toEqual(new Map());
  });

  it("let go of the one that was silent longest, where it tells nothing", () => {
    const stories = createStories(new Map(), 2);
    for (const [place, mission] of [1, 2, 1, 3].entries()) stories.tell(stored(place + 1, missionOf(mission)));
    const changes = stories.changes();
    expect([...changes].filter(([, story]) => story === undefined).map(([key]) => key)).toEqual([`${missionOf(2)}-0`]);
  });

  it("tell the lesson of one that they let go first, and keep it until that is in the stream", () => {
    const stories = createStories(new Map(), 1);
    stories.tell(stored(1, missionOf(1), "a.js"));
    stories.tell(stored(2, missionOf(2)));
    expect(stories.changes().get(`${missionOf(1)}-0`)).toMatchObject({ due: [{ payload: { files: ["a.js"] } }] });
    const [due] = stories.due();
    expect(due?.subject).toMatchObject({ mission_uid: missionOf(1), namespace: "team-a" });
    const own = { producer: "siphon", agent_uid: stableId("siphon"), event_id: due?.eventId ?? "" } as const;
    const lesson = aFrame(3, { event_type: "LESSON", mission_uid: missionOf(1), ...own });
    stories.tell({ ...stored(3, missionOf(1)), ...lesson });
    stories.tell(stored(4, missionOf(2)));
    expect(stories.due()).toEqual([]);
    expect(stories.changes().get(`${missionOf(1)}-0`)).toBeUndefined();
  });
});

describe("an order to erase", () => {
  const secret = "Erika Mustermann of Acme reported it";
  const [mine, other] = [missionOf(1), missionOf(2)];
  const collector = { producer: "collector", recorder: "collector", mission_uid: noMission } as const;
  let place = 0;
  const tellOf = (stories: ReturnType<typeof createStories>, mission_uid = mine) => {
    return (event_type: string, payload: Record<string, unknown>, producer: "agent" | "scribe" = "agent") => {
      place += 1;
      const frame = { ...stored(place, mission_uid), ...aFrame(place, { event_type, mission_uid, producer }, payload) };
      stories.tell(frame);
      return frame.envelope;
    };
  };
  const order = (stories: ReturnType<typeof createStories>, event: string, namespace = "team-a"): void => {
    place += 1;
    const payload = {
      event,
      agent_uid: stableId("agent"),
      epoch: 1,
      seq: 1,
      places: [1],
      blobs: [],
      reason: "asked for",
    };
    const frame = aFrame(place, { ...collector, event_type: "ERASURE", namespace }, payload);
    stories.tell({ ...stored(place, noMission), ...frame, principal: "ann" });
  };
  /** As after a restart that read what was kept. */
  const restarted = (stories: ReturnType<typeof createStories>) =>
    createStories(new Map(JSON.parse(JSON.stringify([...stories.changes()]))), 10);
  const kept = (stories: ReturnType<typeof createStories>): string => JSON.stringify([...stories.changes()]);

  const ways = {
    task: ["LIFECYCLE", { phase: "Started", attempt: 1, task: secret }, "scribe"],
    decision: ["DECISION_RATIONALE", { reasoning: secret }],
    "failed action": ["ACTION", { tool: "run", ok: false, result: `error: ${secret}` }],
    "end of the attempt": ["ERROR", { message: secret, fatal: true }],
    "changed file": ["STATE_CHANGE", { file_modified: secret, depends_on: [`pkg:npm/${secret}`] }],
    proposal: ["PROPOSAL", { title: secret, body: secret }],
    "lesson that was recalled": ["LESSON", { state: "recalled", text: secret }],
  } as const;

  it.each(Object.entries(ways))("takes a %s out of the story, before a lesson is made of it", (_, [type, said, by]) => {
    const first = createStories(new Map(), 10);
    const told = tellOf(first)(type, said, by);
    tellOf(first)("STATE_CHANGE", { file_modified: "a.js" });
    const before = [...first.changes()];
    expect(JSON.stringify(before).toLowerCase()).toContain("mustermann");
    const stories = createStories(new Map(JSON.parse(JSON.stringify(before))), 10);
    order(stories, told.event_id);
    expect(kept(stories).toLowerCase()).not.toContain("mustermann");
    tellOf(stories)("LIFECYCLE", { phase: "Stopped", attempt: 1 }, "scribe");
    expect(JSON.stringify(stories.due()).toLowerCase()).not.toContain("mustermann");
  });

  it("takes lessons that are due with what they rest on, were it not among their sources, also after a restart", () => {
    let stories = createStories(new Map(), 10);
    const tell = tellOf(stories);
    const started = tell("LIFECYCLE", { phase: "Started", attempt: 1, task: secret }, "scribe");
    for (let n = 0; n < 40; n += 1) tell("STATE_CHANGE", { file_modified: `${n}.js` });
    tell("LIFECYCLE", { phase: "Stopped", attempt: 1 }, "scribe");
    stories = restarted(stories);
    const [due] = stories.due();
    expect(due?.payload.sources).not.toContain(started.event_id);
    order(stories, started.event_id, "team-b");
    expect(stories.isDue(due?.eventId ?? "")).toBe(true);
    order(stories, started.event_id);
    expect([stories.due(), stories.isDue(due?.eventId ?? "")]).toEqual([[], false]);
    expect(kept(stories)).not.toContain("Mustermann");
  });

  it("changes no story that has nothing of the frame, and none by anybody but the collector", () => {
    const stories = createStories(new Map(), 10);
    const told = tellOf(stories)("DECISION_RATIONALE", { reasoning: secret });
    tellOf(stories, other)("STATE_CHANGE", { file_modified: "b.js" });
    stories.changes();
    const forged = { event_type: "ERASURE", mission_uid: other, producer: "gateway" } as const;
    const payload = { event: told.event_id, agent_uid: told.agent_uid, epoch: 1, seq: 1 };
    stories.tell({ ...stored(500, other), ...aFrame(500, forged, payload) });
    expect([...stories.changes().keys()]).toEqual([`${other}-0`]);
    order(stories, told.event_id);
    expect([...stories.changes().keys()]).toEqual([`${mine}-0`]);
  });
});
