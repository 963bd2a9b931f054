import { beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { startCollectorPeer } from "./collector-peer.ts";
import { sceneForEachTest } from "./scene.ts";
import {
  chainFault,
  connectWriter,
  killRunning,
  producerPart,
  start,
  stopScribe,
  thought,
  thoughtTexts,
  until,
} from "./stage.ts";

jest.setTimeout(60_000);

const personaDigest = `sha256:${"a".repeat(64)}`;
const scene = sceneForEachTest({ ENCHANTED_PERSONA: "reviewer", ENCHANTED_PERSONA_DIGEST: personaDigest });
beforeEach(() => scene.startScribe(), 30_000);

const types = (): string[] => scene.peer.frames.map(({ envelope }) => envelope.event_type);
const texts = (): unknown[] => thoughtTexts(scene.peer.frames);

describe("the scribe's socket", () => {
  it("acknowledges pipelined frames of several writers in order, and the collector gets all of them once, chained", async () => {
    const writers = await Promise.all([1, 2, 3, 4].map(() => connectWriter(scene.pod.socket)));
    for (const [at, writer] of writers.entries()) {
      for (let n = 0; n < 250; n += 1) writer.write(thought(`${at}/${n}`));
    }
    for (const writer of writers) {
      await writer.answered(250);
      const seqs = writer.answers.map(({ seq }) => seq ?? 0);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
    expect(new Set(writers.flatMap(({ answers }) => answers.map(({ seq }) => seq))).size).toBe(1000);
    await until("the collector has them", () => scene.peer.frames.length === 1001);
    expect(chainFault(scene.peer.frames)).toBeUndefined();
    expect(new Set(texts()).size).toBe(1000);
    for (const writer of writers) writer.socket.destroy();
  });

  it("stamps the persona that the operator says on every frame, its own too, whatever an agent claims", async () => {
    const writer = await connectWriter(scene.pod.socket);
    writer.write('{"event_type":"THOUGHT","text":"mine","persona":"architect","persona_digest":"sha256:00"}\n');
    await writer.answered(1);
    await until("it arrived", () => texts().length === 1);
    expect(types()).toContain("LIFECYCLE");
    for (const { envelope } of scene.peer.frames)
      expect(envelope).toMatchObject({ persona: "reviewer", persona_digest: personaDigest });
    writer.socket.destroy();
  });

  it("is open to user and group only", async () => {
    // It accepts a moment before it has its mode; until then it is open to its user only.
    await until("it has its mode", async () => ((await stat(scene.pod.socket)).mode & 0o777) === 0o660);
  });

  it("answers garbage with its reason, in its place, and goes on", async () => {
    const writer = await connectWriter(scene.pod.socket);
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
    const writer = await connectWriter(scene.pod.socket);
    writer.socket.end(thought("unended").trimEnd());
    await writer.answered(1);
    expect(writer.answers[0]).toMatchObject({ ok: true });
  });

  it("acknowledges while the collector is away, and hands everything over when it returns", async () => {
    const { port } = scene.peer;
    await scene.peer.close();
    const writer = await connectWriter(scene.pod.socket);
    for (let n = 0; n < 100; n += 1) writer.write(thought(String(n)));
    await writer.answered(100);
    scene.peer = await startCollectorPeer(scene.stage.tls, { frames: scene.peer.frames, port });
    await until("everything arrived", () => texts().length === 100);
    expect(chainFault(scene.peer.frames)).toBeUndefined();
    writer.socket.destroy();
  });

  it("reads the token anew when it is refused", async () => {
    scene.peer.token = "rotated";
    const writer = await connectWriter(scene.pod.socket);
    writer.write(thought("kept"));
    await writer.answered(1);
    await until("the refusal is logged", () => scene.scribe.output().includes("does not accept this pod's token"));
    expect(texts()).toEqual([]);
    await writeFile(scene.pod.token, "rotated");
    await until("the frame arrived", () => texts().length === 1);
    writer.socket.destroy();
  });
});

describe("secrets", () => {
  // Made of pieces, so that nobody takes it for one that leaked.
  const secret = ["gh", "p_", "abcdefghijklmnopqrstuvwxyz0123456789"].join("");

  it("are nowhere: not in the log, not at the collector; and a frame that is sent again is known", async () => {
    await killRunning(scene.scribe);
    scene.pod.env["ENCHANTED_REDACT"] = JSON.stringify([{ name: "ticket", pattern: "ACME-([0-9]+)" }]);
    await scene.startScribe();
    const frame = { event_id: "0197a3f0-0000-7000-8000-00000000abcd", event_type: "STATE_CHANGE" };
    const line = JSON.stringify({
      ...frame,
      payload: { file_modified: ".env", patch: `+T=${secret}`, note: "ACME-77" },
    });
    const send = async (): Promise<unknown> => {
      const writer = await connectWriter(scene.pod.socket);
      writer.write(`${line}\n`);
      await writer.answered(1);
      writer.socket.destroy();
      return writer.answers[0];
    };
    const first = await send();
    await killRunning(scene.scribe);
    await scene.startScribe();
    expect(await send()).toEqual(first);
    const changes = (): typeof scene.peer.frames =>
      scene.peer.frames.filter(({ envelope }) => envelope.event_type === "STATE_CHANGE");
    await until("the change arrived", () => changes().length > 0);
    expect(changes().map(producerPart)).toMatchObject([
      { payload: { patch: "+T=[redacted:github-token]", note: "ACME-[redacted:ticket]", withheld: true } },
    ]);
    expect(changes()[0]?.envelope.flags).toEqual(["withheld"]);
    const directory = scene.pod.env["ENCHANTED_WAL_DIR"]!;
    for (const name of await readdir(directory))
      expect(await readFile(`${directory}/${name}`, "latin1")).not.toContain(secret);
    expect(scene.scribe.output()).not.toContain(secret);
  });

  it("have rules that are checked before anything is recorded", async () => {
    const env = { ...scene.pod.env, ENCHANTED_REDACT: '[{"name":"a","pattern":"(?=x)"}]' };
    const broken = start(process.execPath, [`${scene.stage.programs}/main.js`, "scribe"], env);
    expect(await broken.ended).toBe(2);
    expect(broken.output()).toMatch(/ENCHANTED_REDACT.*"a" is not RE2/s);
  });
});

describe("the end of a scribe", () => {
  it("drains, tells its phases, and leaves the marks for the operator", async () => {
    const writer = await connectWriter(scene.pod.socket);
    for (let n = 0; n < 50; n += 1) writer.write(thought(String(n)));
    await writer.answered(50);
    writer.socket.end();
    expect(await stopScribe(scene.scribe)).toBe(0);
    expect([types()[0], ...types().slice(-2)]).toEqual(["LIFECYCLE", "LIFECYCLE", "LIFECYCLE"]);
    const phases = scene.peer.frames.map(producerPart).filter((part) => part.event_type === "LIFECYCLE");
    expect(phases.map(({ payload }) => payload["phase"])).toEqual(["Started", "Draining", "Stopped"]);
    expect(phases[0]?.payload["task"]).toBe("The tests pass.\n\nMend the bucket.");
    expect(JSON.parse(await readFile(scene.pod.termination, "utf8"))).toEqual({
      lastSeq: 53,
      ackedSeq: 53,
      hash: scene.peer.frames.at(-1)?.hash,
    });
  });

  it("ends in time without a collector, says what is not stored, and a restart hands it over", async () => {
    scene.peer.failure = new GrpcFailure(grpcStatus.unavailable, "down");
    scene.pod.env["ENCHANTED_DRAIN_MS"] = "1500";
    await killRunning(scene.scribe);
    await scene.startScribe();
    const writer = await connectWriter(scene.pod.socket);
    writer.write(thought("late"));
    await writer.answered(1);
    writer.socket.end();
    expect(await stopScribe(scene.scribe)).toBe(0);
    const message = JSON.parse(await readFile(scene.pod.termination, "utf8")) as { lastSeq: number; ackedSeq: number };
    expect(message.ackedSeq).toBeLessThan(message.lastSeq);
    expect(scene.scribe.output()).toMatch(/not stored: .*down/);
    scene.peer.failure = undefined;
    await scene.startScribe();
    await until("the late thought arrived", () => texts().includes("late"));
    expect(chainFault(scene.peer.frames)).toBeUndefined();
  });
});

describe("the programs around it", () => {
  it("names every variable that is missing", async () => {
    const broken = start(process.execPath, [`${scene.stage.programs}/main.js`, "scribe"], { ENCHANTED_ATTEMPT: "x" });
    expect(await broken.ended).toBe(2);
    expect(broken.output()).toMatch(/ENCHANTED_AGENT_UID: is not set; set ENCHANTED_AGENT_UID: UID of the agent/);
    expect(broken.output()).toMatch(/ENCHANTED_ATTEMPT/);
  });

  it("a second scribe on the same log ends and says who has it", async () => {
    const second = start(process.execPath, [`${scene.stage.programs}/main.js`, "scribe"], {
      ...scene.pod.env,
      ENCHANTED_SOCKET: `${scene.pod.dir}/other.sock`,
    });
    expect(await second.ended).not.toBe(0);
    expect(second.output()).toMatch(new RegExp(`held by process ${scene.scribe.process.pid}/`));
  });
});
