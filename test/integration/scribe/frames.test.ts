import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import {
  chainFault,
  connectWriter,
  layOutPod,
  producerPart,
  setStage,
  start,
  startPodScribe,
  stopScribe,
  thought,
  until,
  type Pod,
  type Running,
  type Stage,
} from "./stage.ts";

jest.setTimeout(60_000);

let stage: Stage;
let peer: CollectorPeer;
let pod: Pod;
let scribe: Running;
let number = 0;

beforeAll(async () => {
  stage = await setStage();
}, 60_000);
afterAll(() => stage.remove());

beforeEach(async () => {
  number += 1;
  peer = await startCollectorPeer(stage.tls);
  pod = await layOutPod(stage, `pod-${number}`, peer.port);
  scribe = await startPodScribe(stage, pod);
}, 30_000);
afterEach(async () => {
  scribe.process.kill("SIGKILL");
  await scribe.ended;
  await peer.close();
});

const types = (): string[] => peer.frames.map(({ envelope }) => envelope.event_type);
const texts = (): unknown[] =>
  peer.frames
    .filter(({ envelope }) => envelope.event_type === "THOUGHT")
    .map((frame) => producerPart(frame).payload["text"]);

describe("the scribe's socket", () => {
  it("acknowledges pipelined frames of several writers in order, and the collector gets all of them once, chained", async () => {
    const writers = await Promise.all([1, 2, 3, 4].map(() => connectWriter(pod.socket)));
    for (const [at, writer] of writers.entries()) {
      for (let n = 0; n < 250; n += 1) writer.write(thought(`${at}/${n}`));
    }
    for (const writer of writers) {
      await writer.answered(250);
      const seqs = writer.answers.map(({ seq }) => seq ?? 0);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
    expect(new Set(writers.flatMap(({ answers }) => answers.map(({ seq }) => seq))).size).toBe(1000);
    await until("the collector has them", () => peer.frames.length === 1001);
    expect(chainFault(peer.frames)).toBeUndefined();
    expect(new Set(texts()).size).toBe(1000);
    for (const writer of writers) writer.socket.destroy();
  });

  it("is open to user and group only", async () => {
    // It accepts a moment before it has its mode; until then it is open to its user only.
    await until("it has its mode", async () => ((await stat(pod.socket)).mode & 0o777) === 0o660);
  });

  it("answers garbage with its reason, in its place, and goes on", async () => {
    const writer = await connectWriter(pod.socket);
    writer.write(thought("one"));
    writer.write("{half\n");
    writer.write('{"event_type":"VERDICT","payload":{}}\n');
    writer.socket.write(Buffer.from([0x7b, 0xff, 0xfe, 0x0a]));
    writer.write(`{"event_type":"THOUGHT","text":"${"x".repeat(300 * 1024)}"}\n`);
    writer.write(thought("two"));
    await writer.answered(6);
    expect(writer.answers.map(({ ok, reason }) => (ok ? "ok" : reason))).toEqual([
      "ok",
      expect.stringMatching(/not JSON/),
      expect.stringMatching(/may not write VERDICT/),
      expect.stringMatching(/UTF-8/),
      expect.stringMatching(/longer than 262144 bytes/),
      "ok",
    ]);
    await until("both thoughts arrived", () => texts().length === 2);
    writer.socket.destroy();
  });

  it("takes a last line without a newline when the writer closes, and answers before it hangs up", async () => {
    const writer = await connectWriter(pod.socket);
    writer.socket.end(thought("unended").trimEnd());
    await writer.answered(1);
    expect(writer.answers[0]).toMatchObject({ ok: true });
  });

  it("acknowledges while the collector is away, and hands everything over when it returns", async () => {
    const { port } = peer;
    await peer.close();
    const writer = await connectWriter(pod.socket);
    for (let n = 0; n < 100; n += 1) writer.write(thought(String(n)));
    await writer.answered(100);
    peer = await startCollectorPeer(stage.tls, { frames: peer.frames, port });
    await until("everything arrived", () => texts().length === 100);
    expect(chainFault(peer.frames)).toBeUndefined();
    writer.socket.destroy();
  });

  it("reads the token anew when it is refused", async () => {
    peer.token = "rotated";
    const writer = await connectWriter(pod.socket);
    writer.write(thought("kept"));
    await writer.answered(1);
    await until("the refusal is logged", () => scribe.output().includes("does not accept this pod's token"));
    expect(texts()).toEqual([]);
    await writeFile(pod.token, "rotated");
    await until("the frame arrived", () => texts().length === 1);
    writer.socket.destroy();
  });
});

describe("secrets", () => {
  // Made of pieces, so that nobody takes it for one that leaked.
  const secret = ["gh", "p_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");

  it("are nowhere: not in the log, not at the collector; and a frame that is sent again is known", async () => {
    scribe.process.kill("SIGKILL");
    await scribe.ended;
    pod.env["ENCHANTED_REDACT"] = JSON.stringify([{ name: "ticket", pattern: "ACME-([0-9]+)" }]);
    scribe = await startPodScribe(stage, pod);
    const frame = { event_id: "0197a3f0-0000-7000-8000-00000000abcd", event_type: "STATE_CHANGE" };
    const line = JSON.stringify({
      ...frame,
      payload: { file_modified: ".env", patch: `+T=${secret}`, note: "ACME-77" },
    });
    const send = async (): Promise<unknown> => {
      const writer = await connectWriter(pod.socket);
      writer.write(`${line}\n`);
      await writer.answered(1);
      writer.socket.destroy();
      return writer.answers[0];
    };
    const first = await send();
    scribe.process.kill("SIGKILL");
    await scribe.ended;
    scribe = await startPodScribe(stage, pod);
    expect(await send()).toEqual(first);
    const changes = (): typeof peer.frames =>
      peer.frames.filter(({ envelope }) => envelope.event_type === "STATE_CHANGE");
    await until("the change arrived", () => changes().length > 0);
    expect(changes().map(producerPart)).toMatchObject([
      { payload: { patch: "+T=[redacted:github-token]", note: "ACME-[redacted:ticket]", withheld: true } },
    ]);
    expect(changes()[0]?.envelope.flags).toEqual(["withheld"]);
    const directory = pod.env["ENCHANTED_WAL_DIR"]!;
    for (const name of await readdir(directory))
      expect(await readFile(`${directory}/${name}`, "latin1")).not.toContain(secret);
    expect(scribe.output()).not.toContain(secret);
  });

  it("have rules that are checked before anything is recorded", async () => {
    const env = { ...pod.env, ENCHANTED_REDACT: '[{"name":"a","pattern":"(?=x)"}]' };
    const broken = start(process.execPath, [`${stage.programs}/main.js`, "scribe"], env);
    expect(await broken.ended).toBe(2);
    expect(broken.output()).toMatch(/ENCHANTED_REDACT.*"a" is not RE2/s);
  });
});

describe("the end of a scribe", () => {
  it("drains, tells its phases, and leaves the marks for the operator", async () => {
    const writer = await connectWriter(pod.socket);
    for (let n = 0; n < 50; n += 1) writer.write(thought(String(n)));
    await writer.answered(50);
    writer.socket.end();
    expect(await stopScribe(scribe)).toBe(0);
    expect([types()[0], ...types().slice(-2)]).toEqual(["LIFECYCLE", "LIFECYCLE", "LIFECYCLE"]);
    const phases = peer.frames.map(producerPart).filter((part) => part.event_type === "LIFECYCLE");
    expect(phases.map(({ payload }) => payload["phase"])).toEqual(["Started", "Draining", "Stopped"]);
    expect(JSON.parse(await readFile(pod.termination, "utf8"))).toEqual({
      lastSeq: 53,
      ackedSeq: 53,
      hash: peer.frames.at(-1)?.hash,
    });
  });

  it("ends in time without a collector, says what is not stored, and a restart hands it over", async () => {
    peer.failure = new GrpcFailure(grpcStatus.unavailable, "down");
    pod.env["ENCHANTED_DRAIN_MS"] = "1500";
    scribe.process.kill("SIGKILL");
    await scribe.ended;
    scribe = await startPodScribe(stage, pod);
    const writer = await connectWriter(pod.socket);
    writer.write(thought("late"));
    await writer.answered(1);
    writer.socket.end();
    expect(await stopScribe(scribe)).toBe(0);
    const message = JSON.parse(await readFile(pod.termination, "utf8")) as { lastSeq: number; ackedSeq: number };
    expect(message.ackedSeq).toBeLessThan(message.lastSeq);
    expect(scribe.output()).toMatch(/not stored: .*down/);
    peer.failure = undefined;
    scribe = await startPodScribe(stage, pod);
    await until("the late thought arrived", () => texts().includes("late"));
    expect(chainFault(peer.frames)).toBeUndefined();
  });
});

describe("the programs around it", () => {
  it("ready tells whether the socket accepts", async () => {
    const ready = (): Promise<number> => start(process.execPath, [`${stage.programs}/main.js`, "ready"], pod.env).ended;
    expect(await ready()).toBe(0);
    scribe.process.kill("SIGKILL");
    await scribe.ended;
    expect(await ready()).toBe(1);
  });

  it("names every variable that is missing", async () => {
    const broken = start(process.execPath, [`${stage.programs}/main.js`, "scribe"], { ENCHANTED_ATTEMPT: "x" });
    expect(await broken.ended).toBe(2);
    expect(broken.output()).toMatch(/ENCHANTED_AGENT_UID: is not set; set ENCHANTED_AGENT_UID: UID of the agent/);
    expect(broken.output()).toMatch(/ENCHANTED_ATTEMPT/);
  });

  it("a second scribe on the same log ends and says who has it", async () => {
    const second = start(process.execPath, [`${stage.programs}/main.js`, "scribe"], {
      ...pod.env,
      ENCHANTED_SOCKET: `${pod.dir}/other.sock`,
    });
    expect(await second.ended).not.toBe(0);
    expect(second.output()).toMatch(new RegExp(`held by process ${scribe.process.pid}/`));
  });
});
