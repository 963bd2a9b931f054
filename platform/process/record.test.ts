import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "@jest/globals";
import { isRunning, parseStartTicks, recordProcess, signalRecorded } from "./record.ts";

const stat = (state: string, name = "node") =>
  `42 (${name}) ${state} 1 42 42 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 11 0 987654 1000 50 18446744073709551615`;

describe("parseStartTicks", () => {
  it("reads field 22", () => expect(parseStartTicks(stat("S"))).toBe("987654"));
  it("is not misled by a name with spaces and parentheses", () =>
    expect(parseStartTicks(stat("R", "a) S (b c"))).toBe("987654"));
  it("takes a dead child that nobody has waited for as gone", () => expect(parseStartTicks(stat("Z"))).toBeUndefined());
});

describe("a recorded process", () => {
  const children: ReturnType<typeof spawn>[] = [];
  const start = () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"]);
    children.push(child);
    return child;
  };
  afterEach(() => children.splice(0).forEach((child) => child.kill("SIGKILL")));

  it("runs until it ends", async () => {
    const child = start();
    const record = await recordProcess(child.pid ?? 0);
    expect(record && (await isRunning(record))).toBe(true);
    const gone = once(child, "exit");
    expect(record && (await signalRecorded(record, "SIGKILL"))).toBe(true);
    await gone;
    expect(record && (await isRunning(record))).toBe(false);
  });

  it("is not another process that carries its id now", async () => {
    const record = await recordProcess(start().pid ?? 0);
    const recycled = { pid: record?.pid ?? 0, startTicks: "1", bootId: record?.bootId ?? "" };
    expect(await isRunning(recycled)).toBe(false);
    expect(await signalRecorded(recycled, "SIGKILL")).toBe(false);
    expect(record && (await isRunning(record))).toBe(true);
  });

  it("is not one of before the machine was restarted", async () => {
    const record = await recordProcess(start().pid ?? 0);
    expect(record && (await isRunning({ ...record, bootId: "another" }))).toBe(false);
  });
});
