import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { repositoryRoot } from "#platform/environment.ts";
import { run } from "#platform/process/run.ts";
import type { Bench, Contestant, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { cpuSecondsOfEnded } from "./harness/usage.ts";

const FILES = 200;
const CALLS = 100;
const ANSWER_MS = 100;
const STARTS = 5;

const enchanted = join(repositoryRoot, "cli/bin/enchanted");
const session = fileURLToPath(new URL("programs/session.ts", import.meta.url));

/** A chat model that thinks for a tenth of a second and answers as a stream. */
const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  await request.toArray();
  await setTimeout(ANSWER_MS);
  response.writeHead(200, { "content-type": "text/event-stream" });
  const chunk = (delta: object, more: object = {}): string =>
    `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta, finish_reason: null }], ...more })}\n\n`;
  for (let words = 0; words < 20; words += 1) response.write(chunk({ content: "Some more words of the answer. " }));
  response.end(`${chunk({}, { choices: [], usage: { prompt_tokens: 900, completion_tokens: 140 } })}data: [DONE]\n\n`);
};

const startModel = async (): Promise<{ url: string; stop(): void }> => {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

/** Mean CPU and time of a command that is started some times, in seconds. */
const timed = async (
  command: readonly string[],
  times: number,
  options: Parameters<typeof run>[1],
): Promise<Reading> => {
  const [cpu, begun] = [cpuSecondsOfEnded(), performance.now()];
  for (let n = 0; n < times; n += 1) await run(command, options);
  return {
    cpuSeconds: (cpuSecondsOfEnded() - cpu) / times,
    seconds: (performance.now() - begun) / 1000 / times,
  };
};

const makeWorkTree = async (directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true });
  for (let n = 0; n < FILES; n += 1)
    await writeFile(join(directory, `file-${n}.txt`), `line of file ${n}\n`.repeat(50));
  const git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org"];
  await run(["git", "init", "-q"], { cwd: directory });
  await run(["git", "add", "-A"], { cwd: directory });
  await run([...git, "commit", "-qm", "all"], { cwd: directory });
};

const stage = async ({ directory, quick }: Surroundings): Promise<Staged> => {
  const model = await startModel();
  const workTree = join(directory, "tree");
  await makeWorkTree(workTree);
  const calls = quick ? CALLS / 10 : CALLS;
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "none" };
  const options = { cwd: workTree, env };
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
  const under = [enchanted, "run", "--quiet", "--file", join(directory, "record.jsonl"), "--"];
  const program = [...node, session, String(calls)];
  const contestant = (name: string, command: readonly string[], times: number): Contestant => ({
    name,
    measure: () => timed(command, times, options),
  });
  return {
    contestants: [
      contestant("trueUnder", [...under, "true"], STARTS),
      contestant("true", ["true"], STARTS),
      contestant("sessionUnder", [...under, ...program], 1),
      contestant("session", program, 1),
    ],
    figures: [
      {
        id: "P19 cpu",
        what: "CPU of `enchanted run -- true`, all its processes, beside `true`",
        unit: "s",
        ours: ["trueUnder", "cpuSeconds"],
        peer: ["true", "cpuSeconds"],
        goal: { kind: "valueAtMost", must: 0.5, aim: 0.25 },
      },
      {
        id: "P19 wall",
        what: "time of the same",
        unit: "s",
        ours: ["trueUnder", "seconds"],
        peer: ["true", "seconds"],
      },
      {
        id: "P19 session",
        what: `time of an agent's session of ${calls} calls, beside the same without us`,
        unit: "s",
        ours: ["sessionUnder", "seconds"],
        peer: ["session", "seconds"],
        goal: { kind: "ratioAtMost", must: 1.03, aim: 1.01 },
      },
    ],
    conditions: [
      `In a Git work tree of ${FILES} files; what Node compiled is in the user's cache, as from the second start on.`,
      `The session asks a chat model ${calls} times, one call after the other; the model answers after ${ANSWER_MS} ms, in twenty events. A file is changed with every tenth call.`,
    ],
    dispose: async () => {
      model.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

/** P19: what `enchanted run` costs the program that it runs. */
export const underRunBench: Bench = { id: "P19", title: "A program under `enchanted run`", stage };
