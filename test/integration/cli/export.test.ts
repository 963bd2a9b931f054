import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { makeCorpus, type Corpus } from "#test/builders/corpus.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, startTestNats } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";
import { startTestLedger, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { writeFrames } from "#test/integration/pipeline/reader-harness.ts";
import { startTestReader, type TestReaderServer } from "#test/integration/pipeline/reader-server.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { enchanted, setCliStage, type CliStage, type Ended } from "./cli-stage.ts";
import { framesIn, proofOf } from "./server-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let server: TestReaderServer;
let collector: TestCollector;
let corpus: Corpus;
let ledger: TestLedger;
let namespace: string;
const tokens = { ann: "", eve: "" };
let stage: CliStage;

const messages = [{ role: "user", content: "Make it green." }];

/** A mission that was merged: an agent whose one call of a model has its request among the blobs. */
const mergedMission = async (): Promise<StoredFrame[]> => {
  const of = { namespace, mission: "merged", mission_uid: agentUid(700) };
  const [ada, gateway, supervisor] = [
    chainBuilder({ ...of, agent_uid: agentUid(701) }),
    chainBuilder({
      ...of,
      agent_uid: agentUid(702),
      producer: "gateway",
      recorder: "gateway",
      about: { agent_uid: agentUid(701), epoch: 1 },
    }),
    chainBuilder({ ...of, agent_uid: agentUid(703), producer: "supervisor", recorder: "supervisor" }),
  ];
  const body = Buffer.from(JSON.stringify({ model: "m", messages }));
  const request_blob = await collector.blobs.put(namespace, body);
  const call = { provider: "openai", model: "m", latency_ms: 1, request_blob };
  return [
    gateway.next({ event_type: "MODEL_CALL", payload: call }),
    ...ada.take(2),
    supervisor.next({ event_type: "PUBLICATION", payload: { proposal_event_id: "p", state: "merged" } }),
  ].map((frame, n) => ({ ...frame, place: 1_000_000 + n, storedNs: 1_763_701_174_000_000_001n }));
};

/** More frames than one answer has; two stand at one place, where the first answer ends. */
const longMission = (): StoredFrame[] => {
  const of = { namespace, mission: "long", mission_uid: agentUid(800) };
  const frames = chainBuilder({ ...of, agent_uid: agentUid(801) }).take(10_050);
  const other = chainBuilder({ ...of, agent_uid: agentUid(802) }).next();
  const placed = frames.map((frame, n) => ({ ...frame, place: 2_000_000 + n }));
  const all = [...placed.slice(0, 10_000), { ...other, place: 2_009_999 }, ...placed.slice(10_000)];
  return all.map((frame) => ({ ...frame, storedNs: 1_763_701_174_000_000_002n }));
};

/** A session of another agent, which tells a call of its model. */
const session = (): StoredFrame => {
  const chain = chainBuilder({ namespace, mission: "told", mission_uid: agentUid(910), agent_uid: agentUid(911) });
  const frame = chain.next({ event_type: "CHAT", payload: { model: "m" } });
  return { ...frame, place: 3_000_001, storedNs: 1_763_701_174_000_000_003n };
};

/** A chain whose program names itself in some frames, while its LIFECYCLE has another name. */
const namedInPart = (): StoredFrame[] => {
  const chain = chainBuilder({ namespace, mission: "odd", mission_uid: agentUid(950), agent_uid: agentUid(951) });
  const frames = [
    chain.next({ event_type: "LIFECYCLE", agent_id: "program", payload: { phase: "Started", attempt: 1 } }),
    ...["a", "b", "c"].map((text) => chain.next({ agent_id: "odd", payload: { text } })),
    chain.next({ event_type: "LIFECYCLE", agent_id: "program", payload: { phase: "Stopped", attempt: 1 } }),
  ];
  return frames.map((frame, n) => ({ ...frame, place: 3_100_000 + n, storedNs: 1_763_701_174_000_000_004n }));
};

/** A frame whose bytes somebody changed in the ledger. */
const forged = (): StoredFrame => {
  const chain = chainBuilder({ namespace, mission: "forged", mission_uid: agentUid(900), agent_uid: agentUid(901) });
  const frame = chain.next({ payload: { text: "as it was" } });
  const bytes = Buffer.from(Buffer.from(frame.bytes).toString().replace("as it was", "as it is"));
  return { ...frame, bytes, place: 3_000_000, storedNs: 1_763_701_174_000_000_003n };
};

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup);
  collector = await startTestCollector(plane, await startTestNats(cleanup), cleanup);
  namespace = await freshNamespace(plane.admin);
  for (const account of ["ann", "eve"]) await createAccount(plane.admin, namespace, account);
  await allowRecording(plane, namespace, "ann", ["get"]);
  for (const name of ["ann", "eve"] as const)
    tokens[name] = await tokenFor(plane.admin, { namespace, name }, "enchanted-collector");
  corpus = makeCorpus({ seed: 5, namespaces: 1, missions: 2, steps: 400, inNamespace: namespace });
  await writeFrames(ledger, corpus.frames);
  await writeFrames(ledger, await mergedMission());
  await writeFrames(ledger, longMission());
  await writeFrames(ledger, [forged(), session()]);
  await writeFrames(ledger, namedInPart());
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(async () => {
  stage = await setCliStage();
  await writeFile(join(stage.cwd, "token"), tokens.ann);
  const cas = [await readFile(server.caFile, "utf8"), await readFile(collector.caFile, "utf8")];
  await writeFile(join(stage.cwd, "ca.crt"), cas.join("\n"));
});
afterEach(() => stage.remove());

const environment = (): Record<string, string> => ({
  ENCHANTED_READER: `127.0.0.1:${server.reader.port}`,
  ENCHANTED_NAMESPACE: namespace,
  ENCHANTED_TOKEN_FILE: "token",
  ENCHANTED_CA_FILE: "ca.crt",
  ENCHANTED_READER_SERVER_NAME: "enchanted-reader",
});
const run = (...args: string[]): Promise<Ended> => stage.cli(args, { env: environment() });
const lose = async (eventId: string): Promise<void> => {
  const query = `ALTER TABLE enchanted.context_frames DELETE WHERE event_id = '${eventId}' SETTINGS mutations_sync = 1`;
  await ledger.client.command({ query });
};
const framesOf = (mission: string): StoredFrame[] =>
  corpus.frames.filter(({ envelope }) => envelope.mission === mission);

describe("enchanted export", () => {
  it("writes a mission's frames as a record that verifies and is imported with the same hashes", async () => {
    const exported = await run("export", "--mission", "fix-0", "--file", "a.jsonl");
    expect(exported).toMatchObject({ code: 0, stdout: "" });
    expect(exported.stderr).toMatch(/^enchanted: \d+ frames of \d+ chains\n$/);
    const frames = await framesIn(stage, "a.jsonl");
    expect(frames.map(proofOf)).toEqual(framesOf("fix-0").map(proofOf));
    expect(await stage.cli(["verify", "--file", "a.jsonl"])).toMatchObject({ code: 0 });
    const imported = await stage.cli(["import", "a.jsonl", "--file", "b.jsonl", "--output", "json"]);
    expect(JSON.parse(imported.stdout)).toMatchObject([{ frames: frames.length, added: frames.length, unread: [] }]);
    expect(await readFile(join(stage.cwd, "b.jsonl"), "utf8")).toBe(await readFile(join(stage.cwd, "a.jsonl"), "utf8"));
    expect((await run("export", "--mission", "fix-0")).stdout).toBe(await readFile(join(stage.cwd, "a.jsonl"), "utf8"));
  });

  it("goes on where an answer ends, and gives every frame once", async () => {
    const { code, stderr } = await run("export", "--mission", "long", "--file", "a.jsonl");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "enchanted: 10051 frames of 2 chains\n" });
    const hashes = (frames: ReadonlyArray<{ hash: string }>): string[] => frames.map(({ hash }) => hash).toSorted();
    expect(hashes(await framesIn(stage, "a.jsonl"))).toEqual(hashes(longMission()));
    expect(await stage.cli(["verify", "--file", "a.jsonl"])).toMatchObject({ code: 0 });
  });

  it("says that a part of a chain is one, which verifies as an excerpt", async () => {
    const { code, stderr } = await run("export", "--types", "ACTION,MESSAGE", "--file", "a.jsonl");
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringMatching(/verify with --excerpt/) });
    expect(await stage.cli(["verify", "--file", "a.jsonl"])).toMatchObject({ code: 1 });
    const { stdout } = await stage.cli(["verify", "--file", "a.jsonl", "--excerpt"]);
    expect(stdout).toMatch(/: \d+ of \d+ frames, last hash/);
    expect(stdout).toMatch(/\nok: \d+ frames in \d+ chains verified\n$/);
  });

  it("writes Parquet with the archive's columns", async () => {
    expect(await run("export", "--format", "parquet", "--mission", "fix-0", "--file", "a.parquet")).toMatchObject({
      code: 0,
    });
    const bytes = await readFile(join(stage.cwd, "a.parquet"));
    const compressors = { ZSTD: (page: Uint8Array): Uint8Array => zstdDecompressSync(page) };
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const rows = await parquetReadObjects({ file, compressors });
    expect(rows.map(({ stream_seq: place, hash, frame }) => [Number(place), hash, frame])).toEqual(
      framesOf("fix-0").map(({ place, hash, bytes: part }) => [place, hash, Buffer.from(part).toString()]),
    );
  });

  it("writes training data: what was sent, what was done, how it ended", async () => {
    const chat = ["export", "--format", "chat-jsonl", "--mission"];
    const collected = { ...environment(), ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}` };
    const { stdout, stderr, code } = await stage.cli([...chat, "merged"], {
      env: { ...collected, ENCHANTED_SERVER_NAME: "enchanted-collector" },
    });
    if (code !== 0) throw new Error(stderr);
    const [line, ...others] = stdout.trimEnd().split("\n");
    expect(others).toEqual([]);
    expect(JSON.parse(line ?? "")).toMatchObject({
      mission: "merged",
      agent_uid: agentUid(701),
      messages,
      messages_from: "request_blob",
      outcome: "merged",
      outcome_from: expect.stringMatching(/^PUBLICATION merged ./),
    });
    expect(stderr).toBe("enchanted: 3 frames of 2 chains\n");
    const told = await run(...chat, "told");
    expect(told).toMatchObject({ code: 0, stdout: "", stderr: expect.stringMatching(/left out are .* \(CHAT\);/) });
    const without = await run(...chat, "fix-1");
    const lines = without.stdout
      .trimEnd()
      .split("\n")
      .map((text) => JSON.parse(text) as Record<string, unknown>);
    const calls = framesOf("fix-1").filter(({ envelope }) => envelope.event_type === "MODEL_CALL");
    expect(lines.filter(({ model }) => model !== undefined).length).toBe(calls.length);
    for (const one of lines) expect(one).toMatchObject({ messages_from: "frames", outcome: "unknown" });
  });

  it.each<[string, string[], number, RegExp]>([
    ["a file that exists", ["--file", "token"], 2, /token exists already/],
    ["types of chat-jsonl", ["--format", "chat-jsonl", "--types", "ACTION"], 2, /has types of its own/],
    ["an unknown format", ["--format", "xml"], 2, /must be one of jsonl, parquet, chat-jsonl/],
    ["an unknown type", ["--types", "MESSAGES", "--file", "x"], 2, /--types MESSAGES: .* known are MESSAGE$/m],
    ["an end before the beginning", ["--from", "1h", "--to", "2h"], 2, /"to": give a time that is after "from"/],
    ["a time that is none", ["--from", "soon", "--file", "x"], 2, /parameter "from": give a time in UTC/],
    ["another namespace", ["--namespace", "default", "--file", "x"], 1, /refuses: .*"get" on "missions\/record"/],
  ])("refuses %s, and leaves nothing behind", async (_, args, code, words) => {
    const ended = await run("export", ...args);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
    expect(ended.stderr).toMatch(words);
    expect((await readdir(stage.cwd)).toSorted()).toEqual(["ca.crt", "token"]);
  });

  it("says that a mission or an agent is not there", async () => {
    const { code, stderr } = await run("export", "--mission", "none", "--agent", "zoe", "--file", "a.jsonl");
    const absent = ["mission none", "agent zoe"].map(
      (one) => `enchanted: no frame of ${one} in namespace ${namespace}\n`,
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: `${absent.join("")}enchanted: 0 frames of 0 chains\n` });
  });

  it("names a frame that does not fit its hash", async () => {
    const { code, stdout, stderr } = await run("export", "--mission", "forged");
    expect({ code, lines: stdout.split("\n").length }).toEqual({ code: 1, lines: 2 });
    expect(stderr).toMatch(/FAULT: frame 1: .*: hash does not fit the frame/);
  });

  it("leaves nothing behind where it is interrupted", async () => {
    const silent = createServer();
    cleanup.add(async () => void silent.close());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const asked = new Promise<Socket>((resolve) => silent.once("connection", resolve));
    const { port } = silent.address() as AddressInfo;
    const { child, ended } = stage.start([enchanted, "export", "--file", "a.jsonl"], {
      env: { ...environment(), ENCHANTED_READER: `127.0.0.1:${port}` },
    });
    const socket = await asked;
    expect((await readdir(stage.cwd)).some((name) => /^a\.jsonl\.[0-9a-f]{8}\.part$/.test(name))).toBe(true);
    child.kill("SIGTERM");
    const interrupted = expect.stringMatching(/^enchanted: the export was interrupted$/m);
    expect(await ended).toMatchObject({ signal: "SIGTERM", stdout: "", stderr: interrupted });
    socket.destroy();
    expect((await readdir(stage.cwd)).toSorted()).toEqual(["ca.crt", "token"]);
  });

  it("refuses who may not read the record", async () => {
    await writeFile(join(stage.cwd, "token"), tokens.eve);
    const { code, stderr } = await run("export");
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/may not read the record/) });
  });

  it("takes frames of a chain that go by another name for no loss, and a lost one for one", async () => {
    const whole = await run("export", "--agent", "odd", "--file", "odd.jsonl");
    expect(whole).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^enchanted: 3 frames of 1 chain; .*excerpt/),
    });
    const { event_id } = namedInPart()[2]!.envelope;
    await lose(event_id);
    const lost = await run("export", "--agent", "odd", "--file", "lost.jsonl");
    expect(lost).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("FAULT: the ledger lacks 1 frame of chain"),
    });
  });

  it("tells of a chain of an agent that the ledger lacks a part of", async () => {
    const { event_id } = framesOf("fix-1").filter(({ envelope }) => envelope.producer === "agent")[3]!.envelope;
    await lose(event_id);
    const { code, stderr } = await run("export", "--mission", "fix-1", "--file", "lost.jsonl");
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("FAULT: the ledger lacks 1 frame"),
    });
    const part = await run("export", "--mission", "fix-1", "--types", "ACTION", "--file", "part.jsonl");
    expect(part).toMatchObject({ code: 0, stderr: expect.not.stringContaining("FAULT") });
  });
});
