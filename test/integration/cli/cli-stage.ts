import { expect } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The launcher of the checkout. */
export const enchanted = resolve("cli/bin/enchanted");

/** How a process ended, and what it printed. */
export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };

/** A process under way. */
export type Started = { child: ChildProcess; ended: Promise<Ended> };

/** A directory of its own for each test, removed at the end. */
export type CliStage = {
  cwd: string;
  start(command: readonly string[], options?: { input?: string; env?: Record<string, string> }): Started;
  /** The same for `enchanted`; `run` leaves its closing line out. */
  cli(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<Ended>;
  /** Every line of a file as JSON. */
  lines(file?: string): Promise<Array<Record<string, unknown>>>;
  remove(): Promise<void>;
};

/** Creates a stage. */
export const setCliStage = async (): Promise<CliStage> => {
  const cwd = await mkdtemp(join(tmpdir(), "enchanted-cli-"));
  const start: CliStage["start"] = ([command = "", ...args], { input = "", env = {} } = {}) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (out.stderr += chunk.toString()));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const ended = new Promise<Ended>((done) => {
      child.once("close", (code, signal) => done({ code, signal, ...out }));
    });
    return { child, ended };
  };
  return {
    cwd,
    start,
    cli: ([command = "", ...args], options) =>
      start([enchanted, command, ...(command === "run" ? ["--quiet"] : []), ...args], options).ended,
    lines: async (file = "swarm_context.jsonl") => {
      const text = await readFile(join(cwd, file), "utf8");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    remove: () => rm(cwd, { recursive: true, force: true }),
  };
};

/** The payloads of one event type. */
export const payloads = (lines: ReadonlyArray<Record<string, unknown>>, type: string): Array<Record<string, unknown>> =>
  lines.filter((line) => line["event_type"] === type).map((line) => line["payload"] as Record<string, unknown>);

/** A shell command that records a thought on FD 3. */
export const say = (text: string): string => `echo '{"event_type":"THOUGHT","text":"${text}"}' >&3`;

/** The texts of the thoughts in the record. */
export const thoughts = async (stage: CliStage): Promise<unknown[]> =>
  payloads(await stage.lines(), "THOUGHT").map(({ text }) => text);

/** Expects that the chains of the record verify. */
export const verified = async (stage: CliStage): Promise<void> => {
  const { code, stdout } = await stage.cli(["verify"]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("ok: ") });
};
