import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Session } from "./session.ts";
import { startKeeper } from "./start-keeper.ts";

it("says that ports are free where nobody can be started who keeps them open", async () => {
  const socketPath = `/nowhere/${process.pid}`;
  const left = spawn("cat", {
    env: { ...process.env, ENCHANTED_SOCKET: socketPath },
    stdio: ["pipe", "ignore", "ignore"],
  });
  await once(left, "spawn");
  const told: string[] = [];
  const host = {
    clock: systemClock(),
    self: ["false"],
    env: process.env,
    cwd: "/",
    warn: (line: string) => told.push(line),
  };
  const session = { host, socketPath, hurry: new AbortController() } as unknown as Session;
  const ended = once(left, "exit");
  expect(await startKeeper(session, { options: {}, program: ["x"] })).toBeUndefined();
  left.stdin?.end();
  await ended;
  expect(told).toEqual([expect.stringContaining("its ports are free for anybody")]);
});
