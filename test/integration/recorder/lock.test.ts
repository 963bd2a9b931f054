import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** A process that has the log, or was refused it. */
type LogProcess = {
  hears(): Promise<string>;
  append(record: string): void;
  kill(): Promise<void>;
  /** Lets it close the log. */
  end(): Promise<void>;
};

const APART = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const program = resolve("test/integration/recorder/log-process.ts");
const started = new Set<ChildProcess>();
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
});
afterEach(async () => {
  for (const child of started) child.kill("SIGKILL");
  started.clear();
  await rm(directory, { recursive: true });
});

/** Starts a process here or, as the containers of a pod are, as pid 1 of a PID namespace of its own. */
const open = (where: "here" | "apart"): LogProcess => {
  const [command, ...args] = [...(where === "apart" ? APART : []), process.execPath, program, directory];
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  started.add(child);
  const closed = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    hears: async () => String((await lines.next()).value),
    append: (record) => child.stdin.write(`${record}\n`),
    kill: async () => {
      child.kill("SIGKILL");
      await closed;
    },
    end: async () => {
      child.stdin.end();
      await closed;
    },
  };
};

describe("the log's lock", () => {
  it.each([
    ["apart", "here"],
    ["here", "apart"],
    ["apart", "apart"],
  ] as const)("of an owner %s is not taken by a process %s, until the owner is killed", async (first, second) => {
    const owner = open(first);
    const [, pid = ""] = /^holds as (\d+)$/.exec(await owner.hears()) ?? [];
    if (first === "apart") expect(pid).toBe("1");
    const refused = open(second);
    expect(await refused.hears()).toMatch(
      new RegExp(`^${directory}/lock is held by process ${pid}/.*; end that process or use another directory$`),
    );
    await refused.end();
    owner.append("kept");
    expect(await owner.hears()).toBe("wrote 1");
    await owner.kill();
    const next = open(second);
    expect(await next.hears()).toMatch(/^holds as /);
    next.append("kept too");
    expect(await next.hears()).toBe("wrote 2");
    await next.end();
    expect((await readdir(directory)).filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  it("is given over by an owner that closes its log, and goes to one of many at once", async () => {
    const owner = open("apart");
    expect(await owner.hears()).toBe("holds as 1");
    await owner.end();
    const rivals = Array.from({ length: 6 }, (_, n) => open(n % 2 === 0 ? "apart" : "here"));
    const heard = await Promise.all(rivals.map((rival) => rival.hears()));
    expect(heard.filter((line) => line.startsWith("holds as "))).toHaveLength(1);
    expect(heard.filter((line) => line.includes("/lock is held by "))).toHaveLength(5);
    await Promise.all(rivals.map((rival) => rival.end()));
  });
});
