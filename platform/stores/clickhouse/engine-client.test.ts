import { describe, expect, it } from "@jest/globals";
import { manualClock, type ManualClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createEngine, type Engine } from "./engine-client.ts";
import type { EngineReply, EngineRequest } from "./engine-protocol.ts";

type FakeChild = {
  readonly sent: EngineRequest[];
  reply: (reply: EngineReply) => void;
  exit: (how: string) => void;
  killed: boolean;
};

const READY: EngineReply = { type: "ready", version: "26.7", timezone: "UTC" };
const statement = (id: number) => ({ id, settings: {}, params: {}, sql: "SELECT 1" });

const start = (): { engine: Engine; clock: ManualClock; children: FakeChild[] } => {
  const clock = manualClock();
  const children: FakeChild[] = [];
  const spawn = () => {
    const child: FakeChild = { sent: [], reply: () => {}, exit: () => {}, killed: false };
    children.push(child);
    return {
      send: (request: EngineRequest) => void child.sent.push(request),
      onReply: (listener: FakeChild["reply"]) => void (child.reply = listener),
      onExit: (listener: FakeChild["exit"]) => void (child.exit = listener),
      kill: () => void (child.killed = true),
    };
  };
  return { engine: createEngine({ spawn, clock, log: silentLog }), clock, children };
};

const runs = (child: FakeChild | undefined): number[] =>
  (child?.sent ?? []).flatMap((request) => (request.type === "run" ? [request.id] : []));

describe("createEngine", () => {
  it("sends statements when the engine is ready, and gives each its own answer", async () => {
    const { engine, clock, children } = start();
    const [one, two] = [engine.run(statement(1)), engine.run(statement(2))];
    await clock.advance(0);
    expect(runs(children[0])).toEqual([]);
    children[0]?.reply(READY);
    await clock.advance(0);
    children[0]?.reply({ type: "failed", id: 2, message: "Code: 60. DB::Exception: No. (UNKNOWN_TABLE)" });
    children[0]?.reply({ type: "done", id: 1, rows: 3, bytes: 4, elapsedNs: 5 });
    expect(await one).toMatchObject({ rows: 3 });
    await expect(two).rejects.toMatchObject({ code: 60 });
  });

  it("starts the engine again with growing delays, and fails what ran under it as retryable", async () => {
    const { engine, clock, children } = start();
    children[0]?.reply(READY);
    const lost = engine.run(statement(1));
    await clock.advance(0);
    children[0]?.exit("SIGSEGV");
    await expect(lost).rejects.toMatchObject({ code: 210, message: expect.stringContaining("SIGSEGV") });
    expect(engine.facts()).toBeUndefined();
    await clock.advance(100);
    children[1]?.exit("exit code 1");
    await clock.advance(199);
    expect(children).toHaveLength(2);
    const waiting = engine.run(statement(2));
    await clock.advance(1);
    children[2]?.reply(READY);
    await clock.advance(0);
    children[2]?.reply({ type: "done", id: 2, rows: 0, bytes: 0, elapsedNs: 0 });
    expect(await waiting).toMatchObject({ rows: 0 });
  });

  it("fails a statement as retryable when the engine does not come up in time", async () => {
    const { engine, clock } = start();
    const failed = engine.run(statement(1)).catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ code: 210 });
  });

  it("ends an engine that does not answer, and no engine that does", async () => {
    const { clock, children } = start();
    const [child] = children;
    child?.reply(READY);
    for (let beats = 0; beats < 20; beats += 1) {
      await clock.advance(5_000);
      child?.reply({ type: "pong" });
    }
    expect(child?.killed).toBe(false);
    await clock.advance(35_000);
    expect(child?.killed).toBe(true);
  });

  it("asks the engine to stop, ends it by force when it stays, and starts no other", async () => {
    const { engine, clock, children } = start();
    children[0]?.reply(READY);
    const stopped = engine.stop();
    expect(children[0]?.sent.at(-1)).toEqual({ type: "stop" });
    await clock.advance(10_000);
    expect(children[0]?.killed).toBe(true);
    children[0]?.exit("SIGKILL");
    await stopped;
    await clock.advance(60_000);
    expect(children).toHaveLength(1);
  });
});
