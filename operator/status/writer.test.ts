import { expect, it } from "@jest/globals";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { MissionStatus } from "#nervous-system/schemas/resources/mission.ts";
import { createStatusWriter } from "#operator/status/writer.ts";
import { aMission } from "#test/builders/mission.ts";

const now = { take: () => 0, forget: () => undefined };

it("writes nothing into a status that the terminal of whoever reads it obeys, and writes it once", async () => {
  const object = aMission();
  const patches: object[] = [];
  const notes: string[] = [];
  const client = {
    patchStatus: (_: unknown, __: unknown, patch: object) => {
      patches.push(patch);
      return Promise.resolve(object);
    },
  } as unknown as Pick<KubeClient, "patchStatus">;
  const events = { record: ({ note }: { note: string }) => void notes.push(note) };
  const writer = createStatusWriter({ client, events, activity: now, flaps: now });
  const outcome = { reason: "CriteriaFailed", message: "\u001b]0;owned\u0007", evidence: "\u001b[31mred\u001b[0m\nx" };
  const write = (before: MissionStatus) =>
    writer.write<typeof object, MissionStatus>({
      kind: missions,
      object,
      before,
      after: { outcome },
      structural: ["outcome"],
      events: (_, after) => [{ type: "Warning", reason: "Failed", note: after.outcome?.message ?? "" }],
    });
  await write({});
  const told = { reason: "CriteriaFailed", message: "\ufffd]0;owned\ufffd", evidence: "red\nx" };
  expect(patches).toEqual([{ outcome: told }]);
  expect(notes).toEqual([told.message]);
  await write({ outcome: told });
  expect(patches).toHaveLength(1);
});
