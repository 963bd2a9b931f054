import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { once } from "node:events";
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createListener } from "node:net";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { enchanted, payloads, setCliStage, thoughts, verified, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

let stage: CliStage;
let model: Server;
let env: Record<string, string>;
beforeEach(async () => {
  stage = await setCliStage();
  await mkdir(join(stage.cwd, "tmp"));
  model = createServer((request, answer) => {
    request.resume();
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ choices: [{ finish_reason: "stop", message: { content: "hi" } }] }));
  });
  model.listen(0, "127.0.0.1");
  await once(model, "listening");
  env = {
    OPENAI_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`,
    TMPDIR: join(stage.cwd, "tmp"),
    XDG_STATE_HOME: join(stage.cwd, "state"),
  };
});
afterEach(async () => {
  const [pid] = await agentOf();
  if (await exists(`/proc/${pid}`)) process.kill(pid);
  model.closeAllConnections();
  model.close();
  await stage.remove();
});

const until = async (is: () => Promise<boolean>): Promise<void> => {
  while (!(await is())) await new Promise((wake) => setTimeout(wake, 20));
};
const exists = (name: string): Promise<boolean> =>
  access(resolve(stage.cwd, name)).then(
    () => true,
    () => false,
  );

const agentOf = async (): Promise<[pid: number, base: string, otlp: string]> =>
  JSON.parse(await readFile(join(stage.cwd, "agent"), "utf8")) as [number, string, string];

/** An agent that calls its model and speaks to the socket each time it is told, from a session of its own. */
const agent = `
import { access, rename, writeFile } from "node:fs/promises";
import { connect } from "node:net";
// Whoever sees a file finds it whole.
const write = async (name, text) => { await writeFile("written", text); await rename("written", name); };
const there = (name) => access(name).then(() => true, () => false);
const wait = async (name) => { while (!(await there(name))) await new Promise((wake) => setTimeout(wake, 20)); };
await write("agent", JSON.stringify([process.pid, process.env.OPENAI_BASE_URL, process.env.OTEL_EXPORTER_OTLP_ENDPOINT]));
for (const round of ["one", "two"]) {
  await wait(round);
  const body = JSON.stringify({ model: round, messages: [{ role: "user", content: "x" }] });
  const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", body }).catch(String);
  await answer.text?.();
  const socket = connect(process.env.ENCHANTED_SOCKET);
  socket.on("error", () => undefined);
  socket.write(JSON.stringify({ event_type: "THOUGHT", text: round }) + "\\n");
  await new Promise((done) => socket.once("data", done).once("close", done));
  socket.destroy();
  await write(round + ".answered", String(answer.status));
}
await wait("end");
`;
const detach = `setsid node agent.mjs >/dev/null 2>&1 3>&- & while [ ! -e one.answered ]; do sleep 0.05; done; exit 7`;

/** Tries to listen where others do, all the time, until it is told to stop; answers how often that was to be had. */
const squat = (port: number): (() => Promise<number>) => {
  let had = 0;
  let isOver = false;
  const attempt = (): Promise<void> =>
    new Promise((done) => {
      const listener = createListener().once("error", () => done());
      listener.listen(port, "127.0.0.1", () => {
        had += 1;
        listener.close(() => done());
      });
    });
  const tries = (async () => {
    while (!isOver) {
      await attempt();
      await new Promise((turn) => setImmediate(turn)); // what a listener answers at once leaves no turn to others
    }
  })();
  return async () => {
    isOver = true;
    await tries;
    return had;
  };
};

describe("an agent that its program leaves behind", () => {
  const left = async (meanwhile = async (): Promise<void> => undefined): Promise<number> => {
    await writeFile(join(stage.cwd, "agent.mjs"), agent);
    const run = stage.cli(["run", "--", "bash", "-c", detach], { env });
    await until(() => exists("agent"));
    await meanwhile();
    await writeFile(join(stage.cwd, "one"), "");
    const { code, stderr } = await run;
    expect(code).toBe(7);
    const [, pid] = /^enchanted: process (\d+) goes on recording [^\n]*\n$/.exec(stderr) ?? [];
    return Number(pid);
  };
  const isOver = async (pid: number): Promise<boolean> => !(await exists(`/proc/${pid}`));

  it("finds its model and its socket where they were, at no moment anybody else's, and is recorded, until it ends", async () => {
    let stopSquatting: Array<() => Promise<number>> = [];
    const pid = await left(async () => {
      const [, ...ports] = await agentOf();
      stopSquatting = ports.map((base) => squat(Number(URL.parse(base)?.port)));
    });
    expect(await Promise.all(stopSquatting.map((stop) => stop()))).toEqual([0, 0]);
    await writeFile(join(stage.cwd, "two"), "");
    await until(() => exists("two.answered"));
    await writeFile(join(stage.cwd, "end"), "");
    await until(() => isOver(pid));
    const lines = await stage.lines();
    expect(payloads(lines, "MODEL_CALL").map(({ model: name, status }) => [name, status])).toEqual([
      ["one", 200],
      ["two", 200],
    ]);
    expect(await thoughts(stage)).toEqual(["one", "two"]);
    expect(payloads(lines, "LIFECYCLE").map(({ phase, reason, program }) => [phase, program, reason])).toEqual([
      ["Started", "bash", undefined],
      ["Started", "bash", "LeftBehind"],
      ["Stopped", undefined, "Exited"],
      ["Stopped", undefined, "Exited"],
    ]);
    await verified(stage);
    for (const place of ["tmp", "state/enchanted/runs"]) expect(await readdir(join(stage.cwd, place))).toEqual([]);
  });

  it("is recorded no more when the process is ended that does it, which leaves nothing", async () => {
    const pid = await left();
    process.kill(pid);
    await until(() => isOver(pid));
    await writeFile(join(stage.cwd, "two"), "");
    await writeFile(join(stage.cwd, "end"), "");
    expect(payloads(await stage.lines(), "LIFECYCLE").at(-1)).toMatchObject({ phase: "Stopped", reason: "Stopped" });
    for (const place of ["tmp", "state/enchanted/runs"]) expect(await readdir(join(stage.cwd, place))).toEqual([]);
    await verified(stage);
  });

  it("finds them again where `enchanted` was killed, and leaves nothing at its end either", async () => {
    await writeFile(join(stage.cwd, "agent.mjs"), agent);
    await writeFile(join(stage.cwd, "one"), "");
    const { child } = stage.start([enchanted, "run", "--", "node", "agent.mjs"], { env });
    await until(() => exists("one.answered"));
    const killed = once(child, "exit"); // its program has our pipes still
    const [, base] = await agentOf();
    const stopSquatting = squat(Number(URL.parse(base)?.port));
    child.kill("SIGKILL");
    await killed;
    const chains = async (): Promise<unknown[]> =>
      payloads(await stage.lines(), "LIFECYCLE").map(({ phase, reason }) => [phase, reason]);
    expect((await fetch(`${base}/models`)).status).toBe(200); // it waited
    expect(await stopSquatting()).toBe(0);
    await writeFile(join(stage.cwd, "two"), "");
    await until(() => exists("two.answered"));
    expect(await readFile(join(stage.cwd, "two.answered"), "utf8")).toBe("200");
    await writeFile(join(stage.cwd, "end"), "");
    await until(async () => (await chains()).length === 3);
    expect(await chains()).toEqual([
      ["Started", undefined],
      ["Started", "LeftBehind"],
      ["Stopped", "Exited"],
    ]);
    expect(payloads(await stage.lines(), "MODEL_CALL").map(({ model: name }) => name)).toEqual(["one", "two"]);
    expect(await thoughts(stage)).toEqual(["one", "two"]);
    await verified(stage);
    await until(async () => (await readdir(join(stage.cwd, "state/enchanted/runs"))).length === 0);
    expect(await readdir(join(stage.cwd, "tmp"))).toEqual([]);
  });
});
