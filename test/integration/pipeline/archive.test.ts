import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import { createSignedFiles } from "#pipeline/archive-reader/signed-files.ts";
import { cutsPrefix, fileKey, filesPrefix, manifestKey, manifestsPrefix } from "#pipeline/siphon/archive/keys.ts";
import { createManifestChain, type ManifestSigning } from "#pipeline/siphon/archive/manifest-chain.ts";
import { sha256Of } from "#pipeline/siphon/archive/manifest.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Batch, Sink } from "#pipeline/siphon/sink.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { eventually } from "#test/integration/kubernetes/control-plane.ts";
import { makeArchiveKey, startTestArchive, type TestArchive } from "./archive-harness.ts";
import { connectTestBus, createCleanup, readFrames, startTestNats } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { dyingSink, feedSink } from "./feeding.ts";
import { describeSinkContract } from "./sink-contract.ts";
import { strangePayloads } from "./strange-payloads.ts";

describeSinkContract("archive", async () => {
  const cleanup = createCleanup();
  const archive = await startTestArchive(cleanup);
  let place = 0;
  const stored = (frame: RecordedFrame): StoredFrame => ({
    ...frame,
    place: (place += 1),
    storedNs: 1_763_701_174_000_000_001n,
  });
  const chain = chainBuilder({ agent_uid: agentUid(1) });
  const inOrder = (a: StoredFrame, b: StoredFrame): number => a.place - b.place;
  return {
    open: () => archive.sink(),
    frames: (count) => chain.take(count).map(stored),
    strangeFrames: () => strangePayloads.map((event) => stored(chain.next(event))),
    visible: async () => (await archive.frames()).toSorted(inOrder).map(({ hash }) => hash),
    stopStore: () => archive.server.stop(),
    startStore: () => archive.server.restart(),
    stop: () => cleanup.run(),
  };
});

const cleanup = createCleanup();
let archive: TestArchive;
let nats: NatsServer;
let bus: Bus;
let metrics: ReturnType<typeof createSiphonMetrics>;
let feeding: { stop(): Promise<void> } | undefined;
const trouble: string[] = [];

beforeAll(async () => {
  metrics = createSiphonMetrics(createRegistry());
  nats = await startTestNats(cleanup);
  bus = await connectTestBus(nats, cleanup);
  archive = await startTestArchive(cleanup);
}, 600_000);
afterEach(() => feeding?.stop(), 60_000);
afterAll(() => cleanup.run(), 60_000);

const feed = (sink: Sink, maxFrames = 64): { stop(): Promise<void> } => {
  const onTrouble = (reason: string | undefined): void => void (reason && trouble.push(reason));
  const running = feedSink({ name: "archive", sink, bus, metrics, limits: { maxFrames }, onTrouble });
  const stop = (): Promise<void> => {
    feeding = undefined;
    return running.stop();
  };
  return (feeding = { stop });
};

const plain = (frames: readonly StoredFrame[]) =>
  frames.map(({ envelope, bytes, storedNs, ...rest }) => ({
    ...rest,
    envelope: JSON.stringify(envelope),
    frame: Buffer.from(bytes).toString("hex"),
    // The way to a reader tells the time as a double.
    stored: Number(storedNs),
  }));

const archived = (): Promise<StoredFrame[]> => archive.frames().catch(() => []);

/** The archive is the stream, frame for frame and bit for bit, and its files are what the manifests say. */
const expectArchiveEqualsStream = async (total: number): Promise<void> => {
  await eventually(`the archive holds ${total} frames`, async () => (await archived()).length >= total, 60_000);
  await eventually(
    "every file has its manifest",
    async () => (await checkArchive(archive.client, archive.signing.keys)).faults.length === 0,
  );
  expect(plain(await archive.frames())).toEqual(plain(await readFrames(bus, total)));
};

describe("feeding the archive", () => {
  const chains = [10, 11, 12].map((n) => chainBuilder({ agent_uid: agentUid(n) }));
  let total = 0;
  const publish = async (count: number): Promise<void> => {
    for (const chain of chains) await bus.publisher.publish(chain.take(count));
    total += count * chains.length;
  };

  it("makes it the stream, frame for frame", async () => {
    await publish(200);
    const running = feed(archive.sink());
    await expectArchiveEqualsStream(total);
    await publish(100);
    await expectArchiveEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("gives the same files when it dies between cut, write and acknowledgement", async () => {
    for (const when of ["before", "after", "after", "before"] as const) {
      await publish(70);
      const sink = dyingSink(archive.sink(), (batch) => (batch === 2 ? when : undefined));
      const killed = feed(sink, 50);
      await sink.died;
      await killed.stop();
      // The next process knows only what stream and store hold; it cuts larger batches.
      const running = feed(archive.sink(), 80);
      await expectArchiveEqualsStream(total);
      await running.stop();
    }
    const files = await archive.keys(filesPrefix);
    expect(await archive.keys(manifestsPrefix)).toHaveLength(files.length);
  }, 120_000);

  it("waits for a dead store and goes on where it was", async () => {
    const running = feed(archive.sink());
    await publish(10);
    await expectArchiveEqualsStream(total);
    archive.server.kill("SIGKILL");
    await publish(50);
    await eventually("the sink says what keeps it", () => trouble.length > 0);
    await archive.server.restart();
    await expectArchiveEqualsStream(total);
    await running.stop();
  }, 120_000);

  it("fills a bucket that is gone, while it runs and before, from the stream's beginning", async () => {
    const running = feed(archive.sink());
    await publish(1);
    await expectArchiveEqualsStream(total);
    await archive.loseBucket();
    await publish(10);
    await expectArchiveEqualsStream(total);
    await running.stop();
    await archive.loseBucket();
    feed(archive.sink());
    await expectArchiveEqualsStream(total);
  }, 120_000);

  it("reads everything again where the files are gone although the cuts are not", async () => {
    for (const key of await archive.keys(filesPrefix)) await archive.client.delete(key);
    expect(await archive.keys(cutsPrefix)).not.toEqual([]);
    feed(archive.sink());
    await eventually("the archive holds all", async () => (await archived()).length === total, 60_000);
    expect(plain(await archive.frames())).toEqual(plain(await readFrames(bus, total)));
  }, 120_000);

  it("keeps bytes that are no UTF-8", async () => {
    const frames = chains[0]!.take(9);
    await bus.publisher.publish(
      frames.map((frame, index) => (index === 5 ? { ...frame, bytes: Buffer.from([0x7b, 0xff, 0x00, 0x7d]) } : frame)),
    );
    total += 9;
    const running = feed(archive.sink());
    await eventually("the archive holds all", async () => (await archived()).length === total, 60_000);
    expect(plain(await archive.frames())).toEqual(plain(await readFrames(bus, total)));
    await running.stop();
  }, 120_000);
});

describe("a file of the archive", () => {
  const chain = chainBuilder({ agent_uid: agentUid(40) });
  const never = new AbortController().signal;
  let place = 0;
  const batch = (count: number): Batch => {
    const frames = chain.take(count).map((frame): StoredFrame => ({ ...frame, place: (place += 1), storedNs: 1n }));
    return { cut: { stream: "of files", from: place - count + 1, to: place, hash: `h${place}` }, frames };
  };
  const faults = async (): Promise<readonly string[]> =>
    (await checkArchive(archive.client, archive.signing.keys)).faults;

  it("gets its manifest from the next process where the one that wrote it died", async () => {
    await archive.clear();
    const sink = archive.sink();
    await sink.prepare();
    const [one, two] = [batch(3), batch(3)];
    expect(await sink.write(one, never)).toEqual({ kind: "written" });
    expect(await sink.write(two, never)).toEqual({ kind: "written" });
    await archive.client.delete(manifestKey(2));
    const [, file] = await archive.keys(filesPrefix);
    expect(await faults()).toEqual([`no manifest speaks of ${file}`]);
    const next = archive.sink();
    await next.prepare();
    expect(await next.write(two, never)).toEqual({ kind: "written" });
    expect(await next.write(one, never)).toEqual({ kind: "written" });
    expect(await checkArchive(archive.client, archive.signing.keys)).toEqual({ files: 2, faults: [] });
    expect(await archive.keys(manifestsPrefix)).toHaveLength(2);
    // The one of before, which knows another end of the chain, writes on.
    expect(await next.write(batch(2), never)).toEqual({ kind: "written" });
    expect(await sink.write(batch(2), never)).toEqual({ kind: "written" });
    expect(await checkArchive(archive.client, archive.signing.keys)).toEqual({ files: 4, faults: [] });
    await Promise.all([sink.close(), next.close()]);
  }, 60_000);

  it("is missed when it is gone, and known when it or its manifest was changed", async () => {
    const [first = "", second = ""] = await archive.keys(filesPrefix);
    await archive.client.delete(first);
    await archive.client.put(second, Buffer.from("changed"), 7);
    expect(await faults()).toEqual([`${first} is missing`, `${second} is not the file that was written`]);
    await archive.client.delete(manifestKey(2));
    expect(await faults()).toEqual([
      `${first} is missing`,
      "manifests 2 to 2 are missing",
      `no manifest speaks of ${second}`,
    ]);
  }, 60_000);

  it("is found by many writers at once, which make one chain", async () => {
    await archive.clear();
    const sinks = Array.from({ length: 4 }, () => archive.sink());
    await Promise.all(sinks.map((sink) => sink.prepare()));
    const batches = Array.from({ length: 12 }, () => batch(2));
    const written = await Promise.all(
      sinks.map(async (sink) => {
        for (const one of batches) expect(await sink.write(one, never)).toEqual({ kind: "written" });
      }),
    );
    expect(written).toHaveLength(4);
    const check = await checkArchive(archive.client, archive.signing.keys);
    expect(check).toEqual({ files: 12, faults: [] });
    expect((await archive.frames()).map(({ hash }) => hash)).toEqual(
      batches.flatMap(({ frames }) => frames.map(({ hash }) => hash)),
    );
    await Promise.all(sinks.map((sink) => sink.close()));
  }, 60_000);
});

describe("the manifests of an archive", () => {
  beforeAll(() => archive.client.ensureBucket());
  const chain = chainBuilder({ agent_uid: agentUid(50) });
  const never = new AbortController().signal;
  let place = 0;
  const write = async (signing: ManifestSigning | "unsigned", count = 2): Promise<void> => {
    const sink = archive.sink(signing);
    await sink.prepare();
    for (let n = 0; n < count; n += 1) {
      place += 1;
      const frames = chain.take(1).map((frame): StoredFrame => ({ ...frame, place, storedNs: 1n }));
      const cut = { stream: "of keys", from: place, to: place, hash: `h${place}` };
      expect(await sink.write({ cut, frames }, never)).toEqual({ kind: "written" });
    }
    await sink.close();
  };
  const [first, second] = (() => {
    const one = makeArchiveKey();
    return [one, makeArchiveKey(one.publicPem)];
  })();
  const faults = async ({ signing: { keys } }: typeof first): Promise<readonly string[]> =>
    (await checkArchive(archive.client, keys)).faults;
  const words = async (): Promise<string[]> => {
    const files = createSignedFiles(archive.client, second.signing.keys);
    await files.readOn();
    const keys = await archive.keys(filesPrefix);
    return Promise.all(keys.map(async (key) => files.wordOf(key, (await readObject(archive.client, key))!).kind));
  };

  it("are of a release that did not sign, then of one key, then of the next, and all is believed", async () => {
    await archive.clear();
    await write("unsigned");
    expect(await faults(first)).toEqual([expect.stringContaining("no manifest is signed by the newest key")]);
    expect(await words()).toEqual(["refused", "refused"]);
    await write(first.signing, 0);
    expect(await faults(first)).toEqual([]);
    expect(await words()).toEqual(["signed", "signed"]);
    await write(first.signing);
    await write(first.signing, 0);
    expect(await archive.keys(manifestsPrefix)).toHaveLength(5);
    expect(await faults(second)).toEqual([expect.stringContaining("no manifest is signed by the newest key")]);
    await write(second.signing);
    expect(await faults(second)).toEqual([]);
    expect(await words()).toEqual(Array.from({ length: 6 }, () => "signed"));
    const { files } = await checkArchive(archive.client, second.signing.keys);
    expect([files, (await archive.keys(manifestsPrefix)).length]).toEqual([8, 8]);
  }, 60_000);

  it("are told where they go on by an older key, by none, or by one that is not trusted", async () => {
    const manifests = (await archive.keys(manifestsPrefix)).length;
    const stranger = makeArchiveKey().signing;
    // The first does what a process does that started before the key was replaced, and writes on.
    for (const by of [first.signing, "unsigned", stranger] as const) await write(by, 1);
    const told = (await faults(second)).filter((fault) => fault.includes("sign"));
    expect(told).toEqual([
      expect.stringContaining(`${manifestKey(manifests + 1)} is signed by an older key`),
      expect.stringContaining(`${manifestKey(manifests + 2)} has no signature`),
      expect.stringContaining(
        `${manifestKey(manifests + 3)} has a signature that is wrong, or of a key that is not trusted`,
      ),
    ]);
    expect((await words()).slice(-3)).toEqual(["refused", "refused", "refused"]);
    // What a stranger signed nobody vouches for by signing it again.
    await write(second.signing, 0);
    expect(await archive.keys(manifestsPrefix)).toHaveLength(manifests + 3);
  }, 60_000);

  it.each([
    ["without a signature", "unsigned", "has no signature"],
    ["of a key that was replaced", first.signing, "is signed by an older key"],
    ["of a key that nobody trusts", makeArchiveKey().signing, "has a signature that is wrong"],
  ] as const)(
    "are not sealed behind one %s, which is told, and what is written then is believed",
    async (_, by, why) => {
      await archive.clear();
      await write(first.signing, 1);
      await write(second.signing, 0);
      await write(by, 1);
      archive.told.length = 0;
      await write(second.signing, 0);
      expect(archive.told).toEqual([expect.stringContaining(`not sealed: ${manifestKey(3)} ${why}`)]);
      expect(await archive.keys(manifestsPrefix)).toHaveLength(3);
      await write(second.signing, 1);
      expect(await words()).toEqual(["signed", "refused", "signed"]);
      expect((await faults(second)).map((fault) => fault.split(" ")[0])).toEqual([manifestKey(3)]);
    },
    60_000,
  );

  it("are not sealed where others follow the one that is named as the last without a signature", async () => {
    await archive.clear();
    await write("unsigned", 1);
    const last = sha256Of((await readObject(archive.client, manifestKey(1)))!);
    await write("unsigned", 1);
    archive.told.length = 0;
    const { signing } = makeArchiveKey("", last);
    await write(signing, 0);
    expect(archive.told).toEqual([expect.stringContaining("not the one that archive.lastUnsigned names")]);
    expect(await archive.keys(manifestsPrefix)).toHaveLength(2);
  }, 60_000);

  it("are ours only by what they say and who signed them, whatever somebody writes of a file first", async () => {
    await archive.clear();
    await write(second.signing, 1);
    place += 1;
    const frames = chain.take(1).map((frame): StoredFrame => ({ ...frame, place, storedNs: 1n }));
    const cut = { stream: "of keys", from: place, to: place, hash: `h${place}` };
    const sink = archive.sink(second.signing);
    await sink.prepare();
    const of = { key: fileKey(cut), cut, rows: 1, bytes: 1, sha256: "0".repeat(64) };
    await createManifestChain(archive.client, undefined, silentLog).append(of, never);
    expect(await sink.write({ cut, frames }, never)).toEqual({ kind: "written" });
    expect(await sink.write({ cut, frames }, never)).toEqual({ kind: "written" });
    await sink.close();
    expect(await words()).toEqual(["signed", "signed"]);
    expect(await archive.keys(manifestsPrefix)).toHaveLength(3);
  }, 60_000);
});
