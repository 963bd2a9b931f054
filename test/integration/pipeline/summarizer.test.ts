import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { createAccount, startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { saying, startChatEndpoint } from "./chat-endpoint.ts";
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
const start = (more: Readonly<Record<string, string>> = {}): Running => {
  const child = spawn(process.execPath, ["pipeline/main.ts", "summarizer"], {
    env: { ...environment, ...more },
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

describe("the summarizer's process with a model", () => {
  const key = "local-key-7f3a9c";
  const summary = "Whole intervals keep what rounding loses.";
  let root: string;
  beforeAll(async () => {
    root = await temporaryDirectory(cleanup);
    await writeFile(join(root, "key"), `${key}\n`);
  });

  const withModel = (url: string): Readonly<Record<string, string>> => ({
    SUMMARY_URL: url,
    SUMMARY_MODEL: "small-1",
    SUMMARY_KEY_FILE: join(root, "key"),
  });
  const lessonsOf = async (mission: string): Promise<StoredFrame[]> =>
    (await lessons()).filter(({ envelope }) => envelope.mission === mission);

  it("asks once for each lesson, whatever is read again", async () => {
    const endpoint = await startChatEndpoint(cleanup, saying(summary));
    const more = withModel(endpoint.url);
    const before = (await lessons()).length;
    const running = start(more);
    await tell("modelled");
    await learned(running, before + 1);
    await end(running, "SIGKILL");
    expect(endpoint.asked.map(({ authorization }) => authorization)).toEqual([`Bearer ${key}`]);
    const [lesson] = await lessonsOf("modelled");
    expect(saidIn("LESSON", lesson?.bytes ?? "")).toEqual({
      state: "learned",
      text: `Problem: Pollers of modelled starve.\nSummary: ${summary}\nChanged: src/modelled.js`,
      sources: expect.any(Array),
      libraries: [],
      files: ["src/modelled.js"],
      summarizer: "model",
      model: "small-1",
      input_tokens: 812,
      output_tokens: 96,
    });
    // Without what it kept it reads the stream from its beginning, with every mission of this file in it.
    await rm(join(environment["ENCHANTED_WAL_DIR"] ?? "", "stories"), { recursive: true });
    const again = start(more);
    await tell("modelled-later");
    await learned(again, before + 2);
    await end(again, "SIGTERM");
    expect(endpoint.asked.map(({ body }) => body.messages[1]?.content.split("\n")[1])).toEqual([
      "> Problem: Pollers of modelled starve.",
      "> Problem: Pollers of modelled-later starve.",
    ]);
    expect(await lessonsOf("modelled")).toHaveLength(1);
  }, 180_000);

  it("reads on while its model takes its time, and writes one lesson where it is killed meanwhile", async () => {
    const reached = Promise.withResolvers<void>();
    const endpoint = await startChatEndpoint(cleanup, () => reached.resolve());
    const more = withModel(endpoint.url);
    const before = (await lessons()).length;
    const running = start(more);
    await tell("slow");
    await reached.promise;
    await tell("beside");
    await eventually(
      "the other mission is asked about, too",
      () => Promise.resolve(endpoint.asked.length === 2),
      60_000,
    );
    await end(running, "SIGKILL");
    endpoint.reply = saying(summary);
    const again = start(more);
    await learned(again, before + 2);
    await end(again, "SIGTERM");
    expect([(await lessonsOf("slow")).length, (await lessonsOf("beside")).length]).toEqual([1, 1]);
  }, 180_000);

  it("stops in time while its model is asked, and without one tells what was due in words of the frames", async () => {
    const reached = Promise.withResolvers<void>();
    const endpoint = await startChatEndpoint(cleanup, () => reached.resolve());
    const before = (await lessons()).length;
    const running = start(withModel(endpoint.url));
    await tell("stopped");
    await reached.promise;
    expect(await end(running, "SIGTERM")).toEqual([0, null]);
    expect(await lessonsOf("stopped")).toEqual([]);
    const again = start();
    await learned(again, before + 1);
    await end(again, "SIGTERM");
    const [lesson] = await lessonsOf("stopped");
    expect(saidIn("LESSON", lesson?.bytes ?? "").summarizer).toBe("extractive");
  }, 180_000);

  it("refuses half of the settings", async () => {
    const running = start({ SUMMARY_URL: "http://localhost:1/v1" });
    expect(await once(running.child, "exit")).not.toEqual([0, null]);
    expect(running.output()).toContain("SUMMARY_URL and SUMMARY_MODEL are set together");
  }, 60_000);
});
