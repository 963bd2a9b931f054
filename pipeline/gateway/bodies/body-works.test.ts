import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "@jest/globals";
import { manualClock, systemClock } from "#nervous-system/kernel/clock.ts";
import { aModel } from "#test/builders/model.ts";
import { createBodyThread } from "#pipeline/gateway/bodies/body-thread.ts";
import { createBodyWorks } from "#pipeline/gateway/bodies/body-works.ts";
import { doTask, type BodyTask } from "#pipeline/gateway/bodies/task.ts";
import { withoutAddition } from "#pipeline/gateway/upstream-request.ts";

const program = new URL("main.ts", import.meta.url);
const threads: Array<{ close(): Promise<void> }> = [];
const threadOf = (over: { withinMs?: number; clock?: ReturnType<typeof manualClock> } = {}) => {
  const thread = createBodyThread({ program, withinMs: 20_000, clock: systemClock(), ...over });
  threads.push(thread);
  return thread;
};
afterAll(() => Promise.all(threads.map((thread) => thread.close())));

const route = { provider: "OpenAICompatible", operation: "chat/completions" } as const;
const model = aModel({ spec: { model: "real", allow: ["OtherMembers"] } });
const taskOf = (text: string): BodyTask => ({
  kind: "compute",
  bytes: Buffer.from(text),
  route,
  model,
  takesUsage: true,
});
const owner = { namespace: "n", agentUid: "a" };

/** The report names one of 990,000 keys, which held the event loop for three seconds; a fifth of that may still come. */
const manyKeys = `{"messages":[],"metadata":{${Array.from({ length: 199_990 }, (_, i) => `"k${i}":1`).join(",")}}}`;

/** How often the event loop turned while something was done: a few times where the loop itself did it. */
const turnsDuring = async (work: Promise<unknown>): Promise<number> => {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work;
  isOver = true;
  return turns;
};

describe("a large body", () => {
  it("of many keys holds up nothing while it is read", async () => {
    const works = createBodyWorks(threadOf());
    const many = async (): Promise<void> => {
      for (let i = 0; i < 5; i += 1)
        expect(await works.run(owner, taskOf(manyKeys))).toMatchObject({ kind: "granted" });
    };
    expect(await turnsDuring(many())).toBeGreaterThan(100);
  }, 60_000);

  it("is read by another thread where the one before ended while nobody asked", async () => {
    const path = join(await mkdtemp(join(tmpdir(), "body-thread-")), "once.mjs");
    // The first ends at once, the others work.
    await writeFile(
      path,
      `import { existsSync, writeFileSync } from "node:fs";
if (existsSync(${JSON.stringify(`${path}.seen`)})) await import(${JSON.stringify(program.href)});
else { writeFileSync(${JSON.stringify(`${path}.seen`)}, ""); process.exit(); }`,
    );
    const thread = createBodyThread({ program: pathToFileURL(path), withinMs: 20_000, clock: manualClock() });
    threads.push(thread);
    for (let isRead = false; !isRead; await new Promise((go) => setImmediate(go)))
      isRead = (await thread.run(taskOf(`[${"1,".repeat(10)}1]`)).catch(() => undefined)) !== undefined;
  }, 60_000);

  it("comes out as if it had been read at once, and once more without what was added", async () => {
    const works = createBodyWorks(threadOf());
    for (const text of [
      `{"stream":true,"messages":[${'{"role":"user","content":"hello"},'.repeat(3_000)}{"role":"user","content":"x"}]}`,
      `{"stream":true,"messages":[]${" ".repeat(100_000)}}`,
      `[${"1,".repeat(100_000)}1]`,
    ]) {
      const here = doTask(taskOf(text));
      const there = await works.run(owner, taskOf(text));
      expect(there).toEqual(here);
      if (there.kind === "refused" || here.kind === "refused") continue;
      expect(Buffer.isBuffer(there.value.bytes)).toBe(true);
      const again = await works.run(owner, { kind: "without_addition", body: there.value });
      expect(again).toEqual({ kind: "granted", value: withoutAddition(here.value) });
    }
  });

  it("that takes longer than it may is refused, and the next one is read", async () => {
    const clock = manualClock();
    const works = createBodyWorks(threadOf({ withinMs: 1_000, clock }));
    const late = works.run(owner, taskOf(manyKeys));
    await clock.advance(1_000);
    expect(await late).toMatchObject({ kind: "refused", refusal: { status: 413, type: "body_too_large" } });
    const next = taskOf(`{"messages":["${"x".repeat(100_000)}"]}`);
    expect(await works.run(owner, next)).toMatchObject({ kind: "granted" });
    expect(clock.pending()).toBe(0);
  }, 60_000);

  it("of another namespace is next, however many one sends", async () => {
    const gates: Array<() => void> = [];
    const order: string[] = [];
    const works = createBodyWorks({
      run: async (task) => {
        order.push(task.kind === "compute" ? task.model.metadata.name : "");
        await new Promise<void>((open) => gates.push(open));
        return doTask(taskOf("{}"));
      },
    });
    const send = (namespace: string, agentUid: string): Promise<unknown> => {
      const named = aModel({ metadata: { name: namespace } });
      return works.run(
        { namespace, agentUid },
        { kind: "compute", bytes: Buffer.alloc(100_000), route, model: named, takesUsage: true },
      );
    };
    const all = [...Array.from({ length: 8 }, (_, i) => send("greedy", `g${i}`)), send("modest", "m")];
    for (let turn = 0; turn < all.length; turn += 1) {
      while (gates.length === 0) await new Promise((next) => setImmediate(next));
      gates.shift()?.();
    }
    await Promise.all(all);
    expect(order.indexOf("modest")).toBe(1);
  });
});
