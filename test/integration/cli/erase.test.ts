import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { erasedDigest } from "#nervous-system/schemas/erased.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import { createCleanup, readFrames, startTestNats } from "#test/integration/pipeline/bus-harness.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";
import { feedSink } from "#test/integration/pipeline/feeding.ts";
import { ledgerFrames, startTestLedger, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { startTestReader, type TestReaderServer } from "#test/integration/pipeline/reader-server.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { setCliStage, type CliStage, type Ended } from "./cli-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let server: TestReaderServer;
let collector: TestCollector;
let ledger: TestLedger;
let namespace: string;
const tokens = { ann: "", privacy: "" };
let stage: CliStage;
let frames: RecordedFrame[];
let feed: ReturnType<typeof feedSink>;

const startFeed = (): void => {
  const metrics = createSiphonMetrics(createRegistry());
  feed = feedSink({ name: "ledger", sink: ledger.sink(), bus: collector.bus, metrics });
};

const blob = (letter: string): string => `sha256:${letter.repeat(64)}`;

const manyBlobs = Array.from({ length: 40 }, (_, n) => `sha256:${String(n).padStart(64, "0")}`);

const record = (): RecordedFrame[] => {
  const chain = chainBuilder({ namespace, agent_uid: agentUid(1) });
  const action = (letter: string, own: string) => ({
    event_type: "ACTION",
    payload: { tool: "shell", ok: true, result: `said ${letter}`, result_blob: blob(letter), also: blob(own) },
  });
  const told = [
    chain.next({ payload: { text: "call Erika" } }),
    chain.next(action("a", "b")),
    chain.next(action("a", "c")),
  ];
  const sources = [told[0]!.envelope.event_id];
  const other = chainBuilder({ namespace, agent_uid: agentUid(2) });
  const same = other.next({ event_id: told[0]!.envelope.event_id, payload: { text: "mine" } });
  const third = chainBuilder({ namespace, mission: "fix-other", agent_uid: agentUid(3) });
  const deciding = [
    third.next({ event_type: "DECISION_RATIONALE", payload: { reasoning: "Erika", selected_strategy: "call" } }),
    third.next({ event_type: "STATE_CHANGE", payload: { file_modified: "a.ts", change: "modified" } }),
    third.next({ event_type: "HEARTBEAT", payload: {} }),
    third.next({ event_type: "ERROR", payload: { message: "no Erika", fatal: true } }),
    third.next({ event_type: "ACTION", payload: { tool: "list", ok: true, result: "", many: manyBlobs } }),
  ];
  const lesson = chain.next({ event_type: "LESSON", payload: { state: "learned", text: "x", sources } });
  const recalled = { state: "recalled", text: "x", sources: [lesson.envelope.event_id] };
  const recalling = chainBuilder({ namespace, mission: "fix-more", agent_uid: agentUid(8) });
  return [...told, lesson, same, recalling.next({ event_type: "LESSON", payload: recalled }), ...deciding];
};

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  ledger = await startTestLedger(cleanup);
  server = await startTestReader(plane, ledger, cleanup);
  collector = await startTestCollector(plane, await startTestNats(cleanup), cleanup, {
    lock: { mode: "COMPLIANCE", days: 30 },
  });
  namespace = await freshNamespace(plane.admin);
  for (const name of ["ann", "privacy"] as const) {
    await createAccount(plane.admin, namespace, name);
    await allowRecording(plane, namespace, name, name === "ann" ? ["get"] : ["get", "delete"]);
    tokens[name] = await tokenFor(plane.admin, { namespace, name }, "enchanted-collector");
  }
  const sink = ledger.sink();
  await sink.prepare();
  await sink.close();
  startFeed();
  cleanup.add(() => feed.stop());
  frames = record();
  await collector.bus.publisher.publish(frames);
  await eventually("the ledger has them", async () => (await ledgerFrames(ledger)).length === frames.length);
}, 600_000);
afterAll(() => cleanup.run());

beforeEach(async () => {
  stage = await setCliStage();
  await writeFile(join(stage.cwd, "token"), tokens.privacy);
  const cas = [await readFile(server.caFile, "utf8"), await readFile(collector.caFile, "utf8")];
  await writeFile(join(stage.cwd, "ca.crt"), cas.join("\n"));
});
afterEach(() => stage.remove());

const run = (...args: string[]): Promise<Ended> =>
  stage.cli(args, {
    env: {
      ENCHANTED_READER: `127.0.0.1:${server.reader.port}`,
      ENCHANTED_COLLECTOR: `127.0.0.1:${collector.collector.port}`,
      ENCHANTED_NAMESPACE: namespace,
      ENCHANTED_TOKEN_FILE: "token",
      ENCHANTED_CA_FILE: "ca.crt",
      ENCHANTED_READER_SERVER_NAME: "enchanted-reader",
      ENCHANTED_SERVER_NAME: "enchanted-collector",
    },
  });

const id = (n: number): string => frames[n]!.envelope.event_id;

const erasedHashes = async (): Promise<string[]> =>
  (await ledgerFrames(ledger)).flatMap(({ frame, hash }) =>
    erasedDigest(Buffer.from(frame)) === undefined ? [] : hash,
  );

describe("enchanted erase", () => {
  it("needs no collector to tell", async () => {
    const ended = await run("erase", id(1), "--collector", "");
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing was erased") });
  });

  it("tells what would be erased, and what hangs on it, and erases nothing by itself", async () => {
    const ended = await run("erase", id(0), "--agent", agentUid(1), "--output", "json");
    expect(ended.code).toBe(0);
    // The one that was learned, and the frame by which another agent recalled it.
    const lessons = [id(3), id(5)].toSorted();
    expect(JSON.parse(ended.stdout)).toMatchObject({
      orders: [],
      frames: [{ event_id: id(0), event_type: "THOUGHT", text: "call Erika", erased: false, lessons, blobs: [] }],
    });
    expect(ended.stderr).toContain("nothing was erased");
    for (const one of lessons) expect(ended.stderr).toContain(one);
    expect(await erasedHashes()).toEqual([]);
  });

  it("names the blobs that no other frame names", async () => {
    const ended = await run("erase", id(1), id(2), "--output", "json");
    const { frames: found } = JSON.parse(ended.stdout) as { frames: Array<{ blobs: string[] }> };
    expect(found.map(({ blobs }) => blobs)).toEqual([[blob("b")], [blob("c")]]);
  });

  it("finds a UUID in capitals, and its frame once", async () => {
    const event_id = "0199c3a2-5e1f-7cc1-9d24-7b8a8f6a0c12";
    await collector.bus.publisher.publish([chainBuilder({ namespace, agent_uid: agentUid(7) }).next({ event_id })]);
    const isThere = async (): Promise<boolean> =>
      (await ledgerFrames(ledger)).some(({ frame }) => frame.includes(event_id));
    await eventually("the ledger has it", isThere);
    const ended = await run("erase", event_id.toUpperCase(), event_id, "--output", "json");
    expect(ended).toMatchObject({ code: 0 });
    const { frames: found } = JSON.parse(ended.stdout) as { frames: Array<{ event_id: string }> };
    expect(found.map((one) => one.event_id)).toEqual([event_id]);
  });

  it("asks whose frame is meant where several agents use its id", async () => {
    const ended = await run("erase", id(0), "--reason", "x", "--yes");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("--agent") });
    expect(ended.stderr).toContain(agentUid(2));
  });

  it("erases, waits for the ledger, and leaves the order in the record", async () => {
    const ended = await run("erase", id(0), "--agent", agentUid(1), "--reason", "a name", "--yes");
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining("erased from the ledger") });
    expect(ended.stderr).toMatch(
      /locked for 30 days .* \(COMPLIANCE\).* stays until then, \d{4}-\d\d-\d\d at the latest/,
    );
    const named = await run("export", "--agent", "coder-1", "--file", "named.jsonl");
    expect(named.stderr).not.toContain("FAULT");
    expect(await erasedHashes()).toEqual([frames[0]!.hash]);
    const asked = await run("ask", "frames", "--types", "ERASURE", "--output", "json");
    const [order] = JSON.parse(asked.stdout) as Array<{ frame: string; principal: string }>;
    expect(JSON.parse(order!.frame)).toMatchObject({
      payload: { event: id(0), reason: "a name", by: order!.principal },
    });
    const exported = await run("export", "--file", "all.jsonl");
    expect(exported.code).toBe(0);
    const tailed = await run("tail", "--file", "all.jsonl");
    expect(tailed).toMatchObject({ code: 0, stdout: expect.stringMatching(/THOUGHT +\(erased\)/) });
    const verified = await run("verify", "--file", "all.jsonl");
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining("1 frame erased") });
  });

  it("takes no frame for another's, and no order for a frame", async () => {
    expect(await run("erase", "no-such")).toMatchObject({ code: 1, stderr: expect.stringContaining("no frame") });
    const asked = await run("ask", "frames", "--types", "ERASURE", "--output", "json");
    const [order] = JSON.parse(asked.stdout) as Array<{ envelope: string }>;
    const { event_id } = JSON.parse(order!.envelope) as { event_id: string };
    const ended = await run("erase", event_id, "--reason", "x", "--yes");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("stays told") });
  });

  it("tells who may not, and which right is missing", async () => {
    await writeFile(join(stage.cwd, "token"), tokens.ann);
    const ended = await run("erase", id(1), "--reason", "x", "--yes");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("enchanted-erase") });
    expect(await erasedHashes()).toEqual([frames[0]!.hash]);
  });

  it("has every question say that words are erased, and no words of frames that have none", async () => {
    const [decision, change, , error] = frames.slice(6).map(({ envelope }) => envelope.event_id);
    const ended = await run("erase", decision!, error!, "--reason", "a name", "--yes");
    expect(ended).toMatchObject({ code: 0 });
    const answers = async (...args: string[]): Promise<Array<Record<string, unknown>>> =>
      JSON.parse((await run("ask", ...args, "--output", "json")).stdout) as Array<Record<string, unknown>>;
    const all = await answers("mission", "--mission", "fix-other");
    expect(all.map(({ type, text }) => [type, text])).toEqual([
      ["DECISION_RATIONALE", "(erased)"],
      ["STATE_CHANGE", ""],
      ["HEARTBEAT", ""],
      ["ERROR", "(erased)"],
      ["ACTION", ""],
    ]);
    const erased = "(erased)";
    expect(await answers("decisions", "--agent", agentUid(3))).toMatchObject([{ reasoning: erased, strategy: "" }]);
    expect(await answers("files", "--file", "a.ts")).toMatchObject([{ why: erased, event_id: change }]);
    expect(await answers("errors", "--mission", "fix-other")).toMatchObject([{ message: erased }]);
    await run("erase", frames.at(-1)!.envelope.event_id, "--reason", "a name", "--yes");
    expect(await answers("resume", "--mission", "fix-other")).toMatchObject([{ last_text: erased }]);
    const [order] = (await answers("frames", "--types", "ERASURE")).slice(-1);
    const { payload } = JSON.parse(String(order!["frame"])) as { payload: { blobs: string[] } };
    expect(payload.blobs).toEqual(manyBlobs); // what hangs on a frame goes with it, however much that is
  });

  it("orders once more what was stored again between its question and its order", async () => {
    const late = chainBuilder({ namespace, agent_uid: agentUid(4) }).next({ payload: { text: "call Erika" } });
    const { event_id } = late.envelope;
    await collector.bus.publisher.publish([late]);
    const isThere = async (): Promise<boolean> => (await ledgerFrames(ledger)).some(({ hash }) => hash === late.hash);
    await eventually("the ledger has it", isThere);
    await feed.stop();
    await collector.bus.unchained.publish([late]);
    const ending = run("erase", event_id, "--reason", "a name", "--yes");
    const inStream = async (): Promise<StoredFrame[]> => readFrames(collector.bus);
    const placesOrdered = async (): Promise<number[][]> =>
      (await inStream())
        .map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as { payload?: { event?: string; places?: [] } })
        .flatMap(({ payload }) => (payload?.event === event_id ? [payload.places ?? []] : []));
    await eventually("it was ordered", async () => (await placesOrdered()).length > 0);
    startFeed();
    expect(await ending).toMatchObject({ code: 0, stderr: expect.stringContaining("erased from the ledger") });
    const places = (await inStream()).flatMap(({ hash, place }) => (hash === late.hash ? [place] : []));
    expect(await placesOrdered()).toEqual([[places[0]], [places[1]]]);
  });

  it.each([
    [["erase"], "name one event-id"],
    [["erase", "x", "--yes"], "--reason"],
  ])("refuses %j", async (args, words) => {
    expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(words) });
  });
});
