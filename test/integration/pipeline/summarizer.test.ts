import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import {
  createAccount,
  createMission,
  createPod,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats, temporaryDirectory } from "./bus-harness.ts";
import { chainBuilder, type ChainOf } from "./chain-builder.ts";
import { send, startTestAgent, startTestCollector, type TestCollector } from "./collector-harness.ts";

const podName = "enchanted-summarizer-0";
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
  const { releaseNamespace } = collector;
  const root = await temporaryDirectory(cleanup);
  const account = { namespace: releaseNamespace, name: "enchanted-summarizer" };
  await createAccount(test.admin, releaseNamespace, account.name);
  const pod = await createPod(test.admin, releaseNamespace, podName, account.name);
  await writeFile(join(root, "token"), await tokenFor(test.admin, account, "enchanted-collector", pod));
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  environment = {
    PATH: process.env["PATH"] ?? "",
    ENCHANTED_RELEASE_NAMESPACE: releaseNamespace,
    ENCHANTED_POD_NAME: podName,
    ENCHANTED_CA_FILE: collector.caFile,
    ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}`,
    ENCHANTED_TOKEN_FILE: join(root, "token"),
    ENCHANTED_WAL_DIR: join(root, "wal"),
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

/** A mission whose agent begins, fails, decides, changes a file and ends. */
const runMission = async (name: string): Promise<string> => {
  const mission = await createMission(test.admin, { namespace, name });
  const agent = await startTestAgent(test, collector, { namespace, mission }, `${name}-coder`);
  const of: ChainOf = {
    agent_uid: agent.agent.metadata.uid,
    mission_uid: mission.metadata.uid,
    mission: name,
    namespace,
  };
  const chain = chainBuilder(of);
  const say = (event_type: string, payload: object, producer: Envelope["producer"] = "agent") => {
    of.producer = producer;
    return chain.next({ event_type, payload });
  };
  await send(agent.client, [
    say("LIFECYCLE", { phase: "Started", attempt: 1, task: `Pollers of ${name} starve.` }, "scribe"),
    say("ACTION", { tool: "run_command", result: "AssertionError: 0 !== 1", ok: false, duration_ms: 1 }),
    say("DECISION_RATIONALE", { reasoning: "Rounding loses the started interval." }),
    say("STATE_CHANGE", { file_modified: `src/${name}.js` }),
    say("LIFECYCLE", { phase: "Stopped", attempt: 1 }, "scribe"),
  ]);
  return mission.metadata.uid;
};

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
    const mission = await runMission("first");
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
      missions.push(await runMission(name));
      // Said as soon as the lesson is in the log, before the collector can have it or the reader has read it.
      await eventually(
        "it is in the log",
        () => Promise.resolve(running.output().includes("a lesson was learned")),
        60_000,
      );
      await end(running, "SIGKILL");
    }
    const running = start();
    missions.push(await runMission("last"));
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
