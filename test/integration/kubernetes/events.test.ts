import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createEventRecorder, type EventRecorder } from "#nervous-system/kubernetes/events.ts";
import { type ConfigMap, configMaps, events, type KubeEvent } from "#nervous-system/kubernetes/kinds.ts";
import {
  clientOn,
  configMapDraft,
  freshNamespace,
  startTestPlane,
  type TestPlane,
} from "#test/integration/kubernetes/control-plane.ts";

let test: TestPlane;
let clock: ManualClock;
let recorder: EventRecorder;
let subject: ConfigMap;
let writes = 0;
let close: () => void;

beforeAll(async () => {
  test = await startTestPlane();
  const path = test.plane.kubeconfigPath;
  const connected = clientOn({ kind: "file", path }, ({ method }) => (writes += method === "GET" ? 0 : 1));
  ({ close } = connected);
  clock = manualClock(Date.now());
  recorder = createEventRecorder({
    client: connected.client,
    controller: "swarm.enchanted.dev/operator",
    instance: "operator-0",
    clock,
    log: silentLog,
  });
}, 600_000);
afterAll(async () => {
  close?.();
  await test?.stop();
}, 60_000);
beforeEach(async () => {
  const namespace = await freshNamespace(test.admin);
  subject = await test.admin.create(configMaps, configMapDraft(namespace, "subject"));
  writes = 0;
});

const tell = (reason: string, note = "A pod was created."): void =>
  recorder.record({ regarding: subject, type: "Normal", reason, action: "Reconcile", note });
const told = async (): Promise<KubeEvent[]> => {
  await recorder.flush();
  const { namespace } = subject.metadata;
  return (await test.admin.list(events, { namespace })).items;
};

describe("events", () => {
  it("are told about the object, in events.k8s.io/v1", async () => {
    tell("PodCreated");
    expect(await told()).toMatchObject([
      {
        reason: "PodCreated",
        note: "A pod was created.",
        type: "Normal",
        action: "Reconcile",
        reportingController: "swarm.enchanted.dev/operator",
        reportingInstance: "operator-0",
        regarding: { kind: "ConfigMap", name: "subject", uid: subject.metadata.uid },
      },
    ]);
  });

  it("become one Event with a count when they repeat, in a handful of writes for 10,000 flaps", async () => {
    for (let i = 0; i < 10_000; i += 1) {
      tell("Flapping");
      if (i % 1000 === 999) await clock.advance(60_000);
    }
    const [event, ...others] = await told();
    expect(others).toEqual([]);
    expect(event?.series?.count).toBeGreaterThan(9000);
    expect(writes).toBeLessThanOrEqual(12);
  });

  it("are limited for one object that has ever new things to say, and the others still speak", async () => {
    for (let i = 0; i < 200; i += 1) tell("Chatty", `Message number ${i}.`);
    expect(await told()).toHaveLength(25);
    expect(recorder.dropped()).toBeGreaterThanOrEqual(175);
    subject = await test.admin.create(configMaps, configMapDraft(subject.metadata.namespace ?? "", "other"));
    tell("Heard");
    expect((await told()).filter((event) => event.reason === "Heard")).toHaveLength(1);
  });

  it("are cut to what the API takes, never inside a character", async () => {
    tell("Long", "ä".repeat(2000));
    const [event] = await told();
    expect(Buffer.byteLength(event?.note ?? "")).toBeLessThanOrEqual(1024);
    expect(event?.note).toMatch(/^ä+…$/u);
  });

  it("are told anew when the Event has meanwhile expired", async () => {
    tell("Again");
    const [first] = await told();
    if (!first) throw new Error("no event");
    await test.admin.delete(events, first.metadata);
    tell("Again");
    await recorder.flush();
    tell("Again");
    expect(await told()).toHaveLength(1);
  });
});
