import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { startComponentRecorder, type ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { interventionEventId, renderIntervention } from "#operator/intervention/frame.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { aMission } from "#test/builders/mission.ts";
import { createAccount, createPod, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import type { TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import {
  createCleanup,
  readFrames,
  startTestNats,
  temporaryDirectory,
} from "#test/integration/pipeline/bus-harness.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";

const cleanup = createCleanup();
const account = "enchanted-operator";
let plane: TestPlane;
let collector: TestCollector;

beforeAll(async () => {
  plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  collector = await startTestCollector(plane, await startTestNats(cleanup), cleanup);
  await createAccount(plane.admin, collector.releaseNamespace, account);
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

/** The record of one pod of the operator, on a disk of its own. */
const recordOf = async (podName: string): Promise<ComponentRecorder> => {
  const { releaseNamespace } = collector;
  const pod = await createPod(plane.admin, releaseNamespace, podName, account);
  const token = await tokenFor(plane.admin, { namespace: releaseNamespace, name: account }, "enchanted-collector", pod);
  return startComponentRecorder({
    component: "operator",
    podName,
    releaseNamespace,
    directory: await temporaryDirectory(cleanup),
    collector: {
      address: `127.0.0.1:${collector.collector.port}`,
      caPem: await readFile(collector.caFile, "utf8"),
      serverName: "enchanted-collector",
    },
    token: () => Promise.resolve(token),
    clock: systemClock(),
    ids: randomIds(),
    random: Math.random,
    log: silentLog,
    cut: "stored",
  });
};

describe("the operator's own record", () => {
  it("reaches the stream by the collector, an act once for each of its pods however often it is told", async () => {
    const [act, mission] = [anIntervention({ spec: { text: "Too dear." } }), aMission()];
    for (const podName of ["enchanted-operator-7f9c-a", "enchanted-operator-7f9c-b"]) {
      const record = await recordOf(podName);
      for (let n = 0; n < 2; n += 1) await record.write(renderIntervention(act, mission));
      expect(await record.drain(20_000)).toBe(true);
      await record.close(1_000);
    }
    const frames = await readFrames(collector.bus);
    const { uid, name, namespace } = mission.metadata;
    expect(frames.map(({ envelope }) => envelope)).toEqual(
      [1, 2].map(() =>
        expect.objectContaining({
          event_type: "INTERVENTION",
          event_id: interventionEventId(act),
          producer: "operator",
          recorder: "operator",
          mission_uid: uid,
          mission: name,
          namespace,
          seq: 1,
        }),
      ),
    );
    expect(new Set(frames.map(({ envelope }) => envelope.agent_uid)).size).toBe(2);
    const { payload } = JSON.parse(frames[0]!.bytes.toString()) as { payload: unknown };
    expect(payload).toEqual({ kind: "Pause", by: "ann", text: "Too dear." });
  });
});
