import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { createAccount, startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { startTestCollector, type TestCollector } from "./collector-harness.ts";
import { summarizerEnvironment, tellMission } from "./summarizer-harness.ts";

const cleanup = createCleanup();
let test: TestPlane;
let collector: TestCollector;
let environment: Record<string, string>;
let namespace: string;

beforeAll(async () => {
  test = await startSwarmPlane();
  cleanup.add(() => test.stop());
  const nats = await startTestNats(cleanup);
  collector = await startTestCollector(test, nats, cleanup);
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  const settings = await summarizerEnvironment(test, collector, await temporaryDirectory(cleanup));
  environment = {
    ...settings,
    PATH: process.env["PATH"] ?? "",
    ENCHANTED_HEALTH_PORT: "0",
    NATS_URL: nats.url,
  };
}, 900_000);
afterAll(() => cleanup.run(), 120_000);

type Running = { readonly child: ChildProcess; output(): string };

/** The summarizer as its image runs it. */
const start = (): Running => {
  const child = spawn(process.execPath, ["pipeline/main.ts", "summarizer"], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
};

const end = async ({ child }: Running, signal: NodeJS.Signals): Promise<unknown> => {
  const ended = once(child, "exit");
  child.kill(signal);
  return ended;
};

const tell = (name: string): Promise<string> => tellMission(test, collector, namespace, name);

const lessons = async (): Promise<StoredFrame[]> =>
  (await readFrames(collector.bus)).filter(({ envelope }) => envelope.event_type === "LESSON");

const learned = async (running: Running, count: number): Promise<void> =>
  eventually(
    `${count} lessons in the stream`,
    async () => {
      if (running.child.exitCode !== null) throw new Error(`the summarizer ended: ${running.output()}`);
      return (await lessons()).length >= count;
    },
    60_000,
  );

describe("the summarizer's process", () => {
  it("writes the lesson of a mission that ended, about that mission, and stops when told", async () => {
    const running = start();
    const mission = await tell("first");
    await learned(running, 1);
    const [lesson] = await lessons();
    expect(lesson?.envelope).toMatchObject({
      producer: "siphon",
      recorder: "siphon",
      mission_uid: mission,
      mission: "first",
      namespace,
    });
    expect(saidIn("LESSON", lesson?.bytes ?? "")).toMatchObject({
      state: "learned",
      files: ["src/first.js"],
      summarizer: "extractive",
    });
    expect(saidIn("LESSON", lesson?.bytes ?? "").text).toMatch(/^Problem: Pollers of first starve\.\n/);
    expect(await end(running, "SIGTERM")).toEqual([0, null]);
  }, 120_000);

  it("that is killed between writing a lesson and hearing of it writes no second one, and loses none", async () => {
    const names = Array.from({ length: 8 }, (_, n) => `killed-${n}`);
    const missions: string[] = [];
    for (const name of names) {
      const running = start();
      missions.push(await tell(name));
      // Said as soon as the lesson is in the log, before the collector can have it or the reader has read it.
      await eventually(
        "it is in the log",
        () => Promise.resolve(running.output().includes("a lesson was learned")),
        60_000,
      );
      await end(running, "SIGKILL");
    }
    const running = start();
    missions.push(await tell("last"));
    await learned(running, missions.length + 1);
    await end(running, "SIGTERM");
    const found = (await lessons()).filter(({ envelope }) => envelope.mission !== "first");
    expect(found.map(({ envelope }) => envelope.mission_uid).toSorted()).toEqual(missions.toSorted());
    expect(new Set(found.map(({ envelope }) => envelope.event_id)).size).toBe(missions.length);
    const chains = Map.groupBy(await lessons(), ({ envelope }) => envelope.epoch);
    for (const frames of chains.values())
      expect(frames.map(({ envelope }) => envelope.seq)).toEqual(frames.map((_, index) => index + 1));
  }, 300_000);
});
