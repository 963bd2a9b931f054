import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { parseSnapshotManifest } from "#nervous-system/schemas/snapshot-manifest.ts";
import { setStage, type Stage } from "./stage.ts";

jest.setTimeout(180_000);

let stage: Stage;
beforeEach(async () => {
  stage = await setStage();
});
afterEach(() => stage.close());

const eventId = "0197f3c2-5b7e-5c3d-9a41-6f2e8d1b0c55";
const words = `[A person, ann, says to you (message ${eventId}):]\nLook at the limiter.`;

const lastManifest = (): string =>
  String(stage.recorder.frames.findLast(({ event_type: type }) => type === "SNAPSHOT")?.payload["manifest"]);

/** What the agent's model was told by the user, as the last snapshot has the conversation. */
const heard = (): string[] => {
  const blob = (digest: string): Buffer => stage.recorder.blobs.get(digest) ?? Buffer.alloc(0);
  const { conversation } = parseSnapshotManifest(blob(lastManifest())) ?? { conversation: [] };
  const messages = conversation.flatMap(
    (part) => JSON.parse(blob(part).toString()) as Array<{ role: string; content: unknown }>,
  );
  return messages.flatMap(({ role, content }) => (role === "user" ? [String(content)] : []));
};

describe("what a person says to a mission", () => {
  it("is told to its agent once, over attempts, and nothing else that is in its inbox", async () => {
    stage.recorder.say([
      { eventId: "0197f3c2-5b7e-5c3d-9a41-6f2e8d1b0c01", type: "INTERVENTION", payload: { kind: "Resume", by: "ann" } },
      {
        eventId: "0197f3c2-5b7e-5c3d-9a41-6f2e8d1b0c02",
        type: "MESSAGE",
        payload: { to: "*", from: "x", text: "No." },
      },
      { eventId, type: "INTERVENTION", payload: { kind: "Message", by: "ann", text: "Look at the limiter." } },
    ]);
    const first = stage.start("slow", { ENCHANTED_AGENT_UID: "uid-1" });
    await stage.recorder.until(({ event_type: type }) => type === "STATE_CHANGE");
    first.child.kill("SIGTERM");
    await first.end;
    expect(heard().slice(1)).toEqual([words]);

    const second = stage.start("fix-bug", {
      ENCHANTED_ATTEMPT: "2",
      ENCHANTED_WORKSPACE: await mkdtemp(join(stage.directory, "workspace-")),
      ENCHANTED_RESUME_SNAPSHOT: lastManifest(),
      ENCHANTED_SNAPSHOT_STEPS: "1",
    });
    expect((await second.end).code).toBe(0);
    expect(heard().filter((text) => text === words)).toHaveLength(1);
    expect(heard().some((text) => text.includes("goes on now as attempt 2"))).toBe(true);
  });
});
