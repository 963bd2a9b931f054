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
