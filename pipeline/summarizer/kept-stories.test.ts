import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openKeptStories } from "./kept-stories.ts";
import { eraseFromStory } from "./story.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "stories-"));
});
afterAll(() => rm(directory, { recursive: true }));

const told = (text: string) => ({ text, event: "e1" });

describe("the stories on a claim", () => {
  it("that an older release kept go on, and let go of what they cannot tell the frame of once one is erased", async () => {
    const window = {
      first: "h",
      steps: 3,
      failures: [],
      decisions: [told("so")],
      changes: [],
      libraries: ["pkg:npm/a"],
    };
    const due = [{ eventId: "lesson", payload: { state: "learned", text: "so", sources: ["e2"] } }];
    const agents = { a: { epoch: 1, seq: 3, lastError: "it broke", usage: {}, proposals: { epoch: 0, open: [] } } };
    const fold = { missionUid: "m", lastSeq: 3, usage: {}, agents, chains: { "a/1": 3 } };
    const of = { mission_uid: "m", mission: "fix", namespace: "team-a", lineage: 0, running: {} };
    const story = { ...of, fold, task: "It fails.", recalled: [" a row "], window, due };
    await mkdir(join(directory, "missions"), { recursive: true });
    await writeFile(join(directory, "missions", "m-0.json"), JSON.stringify(story));
    const read = (await openKeptStories(directory)).stories.get("m-0")!;
    expect(read).toMatchObject({
      task: { text: "It fails." },
      window: { libraries: [{ text: "pkg:npm/a" }], decisions: [told("so")] },
      due: [{ eventId: "lesson" }],
    });
    expect(read.fold.agents["a"]).not.toHaveProperty("lastError");
    expect(eraseFromStory(read, "another")).toMatchObject({
      task: { text: "" },
      recalled: [],
      window: { libraries: [], decisions: [told("so")] },
      due: [],
    });
  });
});
