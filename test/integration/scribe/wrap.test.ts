import { beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readFile, readlink, writeFile } from "node:fs/promises";
import { sceneForEachTest } from "./scene.ts";
import { chainFault, killRunning, producerPart, start, stopScribe, until, type Running } from "./stage.ts";

jest.setTimeout(60_000);

const scene = sceneForEachTest();
beforeEach(() => scene.startScribe());

const wrap = (command: readonly string[], more: Record<string, string> = {}): Running =>
  start(process.execPath, [`${scene.stage.programs}/wrap.js`, "--", ...command], { ...scene.pod.env, ...more });
const shell = (script: string, more: Record<string, string> = {}): Running => wrap(["sh", "-c", script], more);

/** Ends the scribe, so that everything is at the collector, and gives what the agent wrote. */
const record = async (): Promise<Array<{ event_type: string; payload: Record<string, unknown> }>> => {
  expect(await stopScribe(scene.scribe)).toBe(0);
  expect(chainFault(scene.peer.frames)).toBeUndefined();
  return scene.peer.frames.filter(({ envelope }) => envelope.producer === "agent").map(producerPart);
};
const thoughts = async (): Promise<unknown[]> =>
  (await record()).filter(({ event_type }) => event_type === "THOUGHT").map(({ payload }) => payload["text"]);
const line = (text: string): string => `echo '{"event_type":"THOUGHT","text":"${text}"}' >&3`;

describe("enchanted-wrap", () => {
  it("copies FD 3 to the record and leaves stdout, stderr and the environment alone", async () => {
    const wrapped = shell(`${line("one")}; echo out; echo err >&2; echo "$TRACEPARENT"; ${line("two")}`, {
      TRACEPARENT: "00-ab-cd-01",
    });
    expect(await wrapped.ended).toBe(0);
    expect(wrapped.output().split("\n").toSorted().join(" ").trim()).toBe("00-ab-cd-01 err out");
    expect(await thoughts()).toEqual(["one", "two"]);
    expect(await readlink(scene.pod.env["ENCHANTED_SOCKET_LINK"]!)).toBe(scene.pod.socket);
  });

  it("keeps what its own environment holds of secrets out of the record, which the scribe cannot know", async () => {
    const said = `echo "{\\"event_type\\":\\"THOUGHT\\",\\"text\\":\\"it is $SHOP_TOKEN\\"}" >&3; echo "no JSON $SHOP_TOKEN" >&3`;
    const wrapped = shell(said, { SHOP_TOKEN: "correct-horse-7" });
    expect(await wrapped.ended).toBe(0);
    const frames = await record();
    expect(frames.map(({ payload }) => payload["text"] ?? payload["line"])).toEqual([
      "it is [redacted:SHOP_TOKEN]",
      "no JSON [redacted:SHOP_TOKEN]",
    ]);
    expect(scene.peer.frames.find(({ envelope }) => envelope.event_type === "THOUGHT")?.envelope.flags).toEqual([
      "withheld",
    ]);
  });

  it("gives a real pipe: opening /dev/fd/3 by name works", async () => {
    expect(await shell(`echo '{"event_type":"THOUGHT","text":"by name"}' > /dev/fd/3`).ended).toBe(0);
    expect(await thoughts()).toEqual(["by name"]);
  });

  it.each([
    ["its exit code", "exit 7", 7, "Failed", "ExitCode"],
    ["success", "exit 0", 0, "Succeeded", "Exited"],
    ["128 and the number of the signal that ended it", "kill -KILL $$", 137, "Failed", "Killed"],
  ])("ends with %s, and says so where the program left no word", async (_name, script, code, outcome, reason) => {
    expect(await shell(script).ended).toBe(code);
    expect(JSON.parse(await readFile(scene.pod.termination, "utf8"))).toMatchObject({ outcome, reason });
  });

  it("leaves the program's own last word as it is", async () => {
    expect(await shell(`printf '{"outcome":"Failed"}' > ${scene.pod.termination}; exit 2`).ended).toBe(2);
    expect(await readFile(scene.pod.termination, "utf8")).toBe('{"outcome":"Failed"}');
  });

  it("ends with 127 when the program does not exist", async () => {
    const wrapped = wrap(["/no/such/program"]);
    expect(await wrapped.ended).toBe(127);
    expect(wrapped.output()).toMatch(/no\/such\/program/);
    expect(JSON.parse(await readFile(scene.pod.termination, "utf8"))).toMatchObject({ reason: "CommandNotStarted" });
  });

  it("survives a flood: 10,000 frames arrive, in order, while the child waits for the disk", async () => {
    const flood = `for (let i = 0; i < 10000; i++) w.write(JSON.stringify({event_type:"THOUGHT",payload:{text:i}})+"\\n")`;
    const script = `const w = require("fs").createWriteStream(null, {fd: 3}); ${flood}; w.end()`;
    expect(await wrap([process.execPath, "-e", script]).ended).toBe(0);
    const texts = await thoughts();
    expect(texts).toHaveLength(10_000);
    expect(texts.every((text, at) => text === at)).toBe(true);
  });

  it("reports garbage and a line torn by death as errors, and keeps every whole frame", async () => {
    const torn = `printf '{"event_type":"THOUGHT","te' >&3; kill -KILL $$`;
    expect(await shell(`${line("before")}; echo garbage >&3; ${line("after")}; ${torn}`).ended).toBe(137);
    const frames = await record();
    const errors = frames.filter(({ event_type }) => event_type === "ERROR").map(({ payload }) => payload);
    expect(frames.filter(({ event_type }) => event_type === "THOUGHT").map(({ payload }) => payload["text"])).toEqual([
      "before",
      "after",
    ]);
    expect(errors).toEqual([
      { message: expect.stringMatching(/FD 3 was refused: the line is not JSON/), fatal: false, line: "garbage" },
      { message: expect.stringMatching(/not JSON/), fatal: false, line: '{"event_type":"THOUGHT","te' },
    ]);
  });

  it("bounds the errors of a flood of garbage, and says how many there were", async () => {
    expect(await shell(`i=0; while [ $i -lt 300 ]; do echo "bad $i" >&3; i=$((i+1)); done`).ended).toBe(0);
    const errors = (await record()).filter(({ event_type }) => event_type === "ERROR");
    expect(errors).toHaveLength(21);
    expect(errors.at(-1)?.payload["message"]).toBe("280 more lines on FD 3 were refused");
  });

  it("captures what a grandchild writes after the child's exit", async () => {
    expect(
      await shell(
        `(while [ ! -e ${scene.pod.dir}/go ]; do sleep 0.05; done; ${line("late")}) & ${line("early")}; (sleep 0.2; touch ${scene.pod.dir}/go) & exit 3`,
      ).ended,
    ).toBe(3);
    expect(await thoughts()).toEqual(["early", "late"]);
  });

  it("does not wait for ever for a grandchild that keeps FD 3 open", async () => {
    const wrapped = shell(`sleep 600 & echo $!; ${line("kept")}; exit 0`, { ENCHANTED_CAPTURE_MS: "300" });
    await until("the child told the grandchild's id", () => wrapped.output().includes("\n"));
    const exit = await new Promise((resolve) => wrapped.process.once("exit", resolve));
    expect(exit).toBe(0);
    process.kill(Number(wrapped.output()), "SIGKILL");
    expect(await thoughts()).toEqual(["kept"]);
  });

  it("keeps concurrent writers' lines of at most 4,096 bytes whole", async () => {
    const writer = `i=0; while [ $i -lt 200 ]; do printf '{"event_type":"THOUGHT","text":"%s %01000d"}\\n' $0 $i >&3; i=$((i+1)); done`;
    expect(
      await shell(
        ["a", "b", "c", "d"].map((name) => `sh -c '${writer.replaceAll("'", `'"'"'`)}' ${name} &`).join(" ") + " wait",
      ).ended,
    ).toBe(0);
    expect(new Set(await thoughts()).size).toBe(800);
  });

  it("names what two writers tore of each other's long lines, and finds its way at the next", async () => {
    const half = `printf '{"event_type":"THOUGHT","text":"%06000d' 1 >&3`;
    expect(await shell(`${half}; ${line("into it")}; printf '"}\\n' >&3; ${line("after")}`).ended).toBe(0);
    const frames = await record();
    const told = frames.map(
      ({ event_type, payload }) => payload["text"] ?? `${event_type} ${payload["message"] as string}`,
    );
    expect(told.map(String).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      expect.stringMatching(/^ERROR a line on FD 3 was refused: the line is not JSON/),
      expect.stringMatching(/^ERROR a line on FD 3 was refused: the line is not JSON/),
      "after",
    ]);
  });

  it("passes SIGTERM on, and the program may end in its own way", async () => {
    const wrapped = shell(
      `trap '${line("bye").replaceAll("'", `'"'"'`)}; exit 9' TERM; echo ready; while :; do sleep 0.05; done`,
    );
    await until("the program runs", () => wrapped.output().includes("ready"));
    wrapped.process.kill("SIGTERM");
    expect(await wrapped.ended).toBe(9);
    expect(await thoughts()).toEqual(["bye"]);
  });

  it("kills the whole process group of a program that does not stop in time", async () => {
    const wrapped = shell(`trap '' TERM; sleep 600 & echo $!; wait; sleep 600`, { ENCHANTED_AGENT_STOP_MS: "300" });
    await until("the grandchild runs", () => wrapped.output().includes("\n"));
    wrapped.process.kill("SIGTERM");
    expect(await wrapped.ended).toBe(137);
    const grandchild = Number(wrapped.output());
    const isGone = async (): Promise<boolean> =>
      readFile(`/proc/${grandchild}/stat`, "utf8").then(
        (stat) => stat.includes(") Z "),
        () => true,
      );
    await until("the grandchild is gone", isGone);
    expect(JSON.parse(await readFile(scene.pod.termination, "utf8"))).toMatchObject({ reason: "Killed" });
  });

  it("passes other signals on", async () => {
    const wrapped = shell(`trap 'echo hup; exit 4' HUP; echo ready; while :; do sleep 0.05; done`);
    await until("the program runs", () => wrapped.output().includes("ready"));
    wrapped.process.kill("SIGHUP");
    expect(await wrapped.ended).toBe(4);
    expect(wrapped.output()).toMatch(/hup/);
  });

  it("hands frames over when the scribe is killed and returns in the middle", async () => {
    const go = `${scene.pod.dir}/go`;
    const wrapped = shell(`${line("one")}; while [ ! -e ${go} ]; do sleep 0.05; done; ${line("two")}`, {
      ENCHANTED_CAPTURE_MS: "20000",
    });
    await until("the first arrived", () => scene.peer.frames.some(({ envelope }) => envelope.event_type === "THOUGHT"));
    await killRunning(scene.scribe);
    await writeFile(go, "");
    await scene.startScribe();
    expect(await wrapped.ended).toBe(0);
    expect(await thoughts()).toEqual(["one", "two"]);
  });

  it("ends with the program's code when there is no scribe at all, and says what was lost", async () => {
    await killRunning(scene.scribe);
    expect(await shell(`${line("lost")}; exit 5`, { ENCHANTED_CAPTURE_MS: "200" }).ended).toBe(5);
    expect(JSON.parse(await readFile(scene.pod.termination, "utf8"))).toMatchObject({
      message: expect.stringMatching(/could not be handed/),
    });
  });
});
