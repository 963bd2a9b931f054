import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { linkFault, zeroHash } from "#nervous-system/schemas/chain.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { runImport, type ImportOptions } from "#pipeline/importer/run-import.ts";
import { encodeFile } from "#pipeline/siphon/archive/encode-file.ts";
import { readManifestSigning } from "#pipeline/siphon/archive/key-settings.ts";
import { filesPrefix, manifestKey } from "#pipeline/siphon/archive/keys.ts";
import { manifestBytes, sha256Of, type Manifest } from "#pipeline/siphon/archive/manifest.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import type { Cut, Sink } from "#pipeline/siphon/sink.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { run } from "#platform/process/run.ts";
import { makeArchiveKey, startTestArchive, type TestArchive } from "./archive-harness.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startTestGraph } from "./graph-harness.ts";
import { asLedger, ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";

const cleanup = createCleanup();
const never = new AbortController().signal;
const metrics = createSiphonMetrics(createRegistry());
let archive: TestArchive;
let ledger: TestLedger;

beforeAll(async () => {
  [archive, ledger] = await Promise.all([startTestArchive(cleanup), startTestLedger(cleanup)]);
}, 600_000);
beforeEach(async () => {
  await archive.client.ensureBucket();
  await archive.clear();
  await ledger.client.command({ query: "DROP DATABASE IF EXISTS enchanted SYNC" });
}, 60_000);
afterAll(() => cleanup.run(), 60_000);

const storedAt = (frame: RecordedFrame, place: number, storedNs = 1_763_701_175_000_000_000n): StoredFrame => ({
  ...frame,
  place,
  storedNs: storedNs + BigInt(place),
});

/** Three chains by turns, in places of one stream from a place on. */
const threeChains = (each: number, from = 1): StoredFrame[] => {
  const chains = [1, 2, 3].map((n) => chainBuilder({ agent_uid: agentUid(n) }));
  return Array.from({ length: 3 * each }, (_, n) => storedAt(chains[n % 3]!.next(), from + n));
};

/** Writes files of `size` frames of a stream. */
const archiveAll = async (frames: readonly StoredFrame[], size: number, stream = "2026-11-23T00:00:00Z") => {
  const sink = archive.sink();
  await sink.prepare();
  for (let at = 0; at < frames.length; at += size) {
    const part = frames.slice(at, at + size);
    const cut: Cut = { stream, from: part[0]!.place, to: part.at(-1)!.place, hash: part.at(-1)!.hash };
    expect(await sink.write({ cut, frames: part }, never)).toEqual({ kind: "written" });
  }
  await sink.close();
};

const importing = async (
  signal = never,
  changed: Partial<ImportOptions> = {},
): Promise<{ frames: number; refused: number }> => {
  const sink = changed.sink ?? ledger.sink();
  const limits = { maxFrames: 100, maxBytes: 1 << 20, lingerMs: 0, ackWaitMs: 0 };
  try {
    return await runImport(
      {
        kind: { name: "ledger", limits },
        sink,
        archive: archive.client,
        anew: false,
        clock: systemClock(),
        random: Math.random,
        metrics,
        log: silentLog,
        ...changed,
      },
      signal,
    );
  } finally {
    await sink.close();
  }
};

/** The ledger's sink, as long as it lives: it is told to end before its `batches + 1`st batch. */
const endingSink = (batches: number): { sink: Sink; signal: AbortSignal; written: number[] } => {
  const [sink, ending, written] = [ledger.sink(), new AbortController(), new Array<number>()];
  return {
    signal: ending.signal,
    written,
    sink: {
      ...sink,
      write: async (batch, signal) => {
        if (written.length === batches) ending.abort(new Error("ended"));
        signal.throwIfAborted();
        written.push(batch.frames.length);
        return sink.write(batch, signal);
      },
    },
  };
};

describe("the ledger, wiped and filled from the archive", () => {
  it("brings back what the ledger lost since the import before", async () => {
    const frames = threeChains(40);
    await archiveAll(frames, 50);
    await importing();
    await ledger.client.command({
      query: "ALTER TABLE enchanted.context_frames DELETE WHERE seq BETWEEN 5 AND 20 SETTINGS mutations_sync = 1",
    });
    expect(await importing()).toEqual({ frames: frames.length, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
  }, 60_000);

  it("holds the same frames with the same hashes, whose chains verify from the files' bytes", async () => {
    const frames = threeChains(150);
    await archiveAll(frames, 70);
    expect(await importing()).toEqual({ frames: 450, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
    expect(await importing()).toEqual({ frames: 450, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));

    const ends = new Map<string, { seq: number; hash: string }>();
    for (const { envelope, envelopeText, bytes, prevHash, hash } of await archive.frames()) {
      const { agent_uid: agentUid, epoch, seq, observed } = envelope;
      const end = ends.get(agentUid) ?? { seq: 0, hash: zeroHash };
      const link = { agentUid, epoch, seq, observedNs: BigInt(observed), prevHash, hash, envelopeText, bytes };
      expect(linkFault(link, end.seq + 1, end.hash)).toBeUndefined();
      ends.set(agentUid, { seq, hash });
    }
    expect([...ends.values()].map(({ seq }) => seq)).toEqual([150, 150, 150]);
  }, 120_000);

  it("is gone on with where the import broke off, and begun anew where that is wanted", async () => {
    const frames = threeChains(150);
    await archiveAll(frames, 70);
    const first = endingSink(2);
    await expect(importing(first.signal, { sink: first.sink })).rejects.toThrow("ended");
    const second = endingSink(Infinity);
    expect(await importing(never, { sink: second.sink })).toEqual({ frames: 250, refused: 0 });
    expect([first.written, second.written]).toEqual([
      [100, 100],
      [100, 100, 50],
    ]);
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));

    const third = endingSink(1);
    await expect(importing(third.signal, { sink: third.sink })).rejects.toThrow("ended");
    await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
    expect(await importing(never, { anew: true })).toEqual({ frames: 450, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
  }, 120_000);

  it("is made again from the beginning where it goes meanwhile", async () => {
    const frames = threeChains(100);
    await archiveAll(frames, 1000);
    const sink = ledger.sink();
    let batches = 0;
    const losing: Sink = {
      ...sink,
      write: async (batch, signal) => {
        if ((batches += 1) === 2) await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
        return sink.write(batch, signal);
      },
    };
    expect(await importing(never, { sink: losing })).toEqual({ frames: 300, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
  }, 120_000);

  it("is made again from the beginning where it goes, and the import is killed before that", async () => {
    const frames = threeChains(100);
    await archiveAll(frames, 1000);
    const sink = ledger.sink();
    let batches = 0;
    const losing: Sink = {
      ...sink,
      write: async (batch, signal) => {
        if ((batches += 1) === 2) await ledger.client.command({ query: "DROP DATABASE enchanted SYNC" });
        return sink.write(batch, signal);
      },
    };
    const clock = { sleep: () => Promise.reject(new Error("killed")) };
    await expect(importing(never, { sink: losing, clock })).rejects.toThrow("killed");
    expect(await importing()).toEqual({ frames: 300, refused: 0 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));
  }, 120_000);

  it("lacks what it refuses, which is told, and has all the rest", async () => {
    const frames = threeChains(20);
    const [odd, ...rest] = frames;
    await archiveAll([{ ...odd!, bytes: Buffer.from([0xff]) }, ...rest], 30);
    expect(await importing()).toEqual({ frames: 59, refused: 1 });
    expect(await ledgerFrames(ledger)).toEqual(asLedger(rest));
  }, 60_000);

  it("has once, as it was stored last, what stands in the archive twice", async () => {
    const frames = threeChains(40);
    await archiveAll(frames, 50);
    // Again by other cuts, of which one lies over three files.
    await archiveAll(frames.slice(10, 110), 100);
    // Its stream lost the last of it, and has it in other places now; then it was made anew, and has some again.
    const again = frames.slice(90).map((frame, n) => storedAt(frame, 200 + n, 1_763_701_176_000_000_000n));
    await archiveAll(again, 20);
    const anew = frames.slice(100).map((frame, n) => storedAt(frame, 1 + n, 1_763_701_177_000_000_000n));
    await archiveAll(anew, 20, "2026-11-24T00:00:00Z");
    await importing();
    const last = [...frames.slice(0, 90), ...again.slice(0, 10), ...anew];
    expect(await ledgerFrames(ledger)).toEqual(
      asLedger(last.toSorted((a, b) => a.place - b.place || (a.hash < b.hash ? -1 : 1))),
    );
  }, 120_000);
});

describe("the graph, filled from the archive", () => {
  it("knows older and newer, whether they came by the archive or by the stream", async () => {
    const graph = await startTestGraph(cleanup);
    const chain = chainBuilder({ agent_uid: agentUid(1) });
    const stating = (on: string) => {
      const payload = { file_modified: "src/a.ts", change: "modified", depends_on: [on] };
      return chain.next({ event_type: "STATE_CHANGE", payload });
    };
    const [first, second, third, fourth] = ["src/1.ts", "src/2.ts", "src/3.ts", "src/4.ts"].map(stating);
    const [older, newer] = ["2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"];
    const live = async (frame: StoredFrame, stream: string): Promise<void> => {
      const sink = graph.sink();
      await sink.prepare();
      const cut: Cut = { stream, from: frame.place, to: frame.place, hash: frame.hash };
      expect(await sink.write({ cut, frames: [frame] }, never)).toEqual({ kind: "written" });
      await sink.close();
    };
    const dependsOn = async (): Promise<string[]> => {
      const rows = await graph.client.run<{ path: string }>(
        "MATCH (:File)-[d:DEPENDS_ON]->(f:File) WHERE d.valid_to IS NULL RETURN f.path AS path ORDER BY path",
      );
      return rows.map(({ path }) => path);
    };

    await archiveAll([storedAt(first!, 7)], 10, older);
    await importing(never, { sink: graph.sink() });
    expect(await dependsOn()).toEqual(["src/1.ts"]);
    await live(storedAt(second!, 8), older);
    expect(await dependsOn()).toEqual(["src/2.ts"]);
    await live(storedAt(fourth!, 2), newer);
    await archiveAll([storedAt(third!, 9)], 10, older);
    await importing(never, { sink: graph.sink() });
    expect(await dependsOn()).toEqual(["src/4.ts"]);
  }, 240_000);
});

describe("the importer's process", () => {
  const start = (more: Readonly<Record<string, string>> = archive.keyFiles): Promise<string> => {
    const { url, username, password } = ledger.server;
    const { endpoint, region, accessKey, secretKey } = archive.server;
    return run([process.execPath, "--disable-warning=ExperimentalWarning", "pipeline/main.ts", "import"], {
      cwd: repositoryRoot,
      env: {
        CLICKHOUSE_URL: url,
        CLICKHOUSE_USER: username,
        CLICKHOUSE_PASSWORD: password,
        S3_ENDPOINT: endpoint,
        S3_REGION: region,
        S3_BUCKET: archive.bucket,
        S3_ACCESS_KEY_ID: accessKey,
        S3_SECRET_ACCESS_KEY: secretKey,
        ...more,
      },
    });
  };

  it("fills the ledger and ends, and says what the archive lacks", async () => {
    const frames = threeChains(20);
    await archiveAll(frames, 20);
    await start();
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames));

    const [, middle = ""] = await archive.keys(filesPrefix);
    await archive.client.delete(middle);
    await expect(start()).rejects.toThrow(`${middle} is missing`);
  }, 120_000);

  it("leaves out what nobody signed whom it trusts, says what to do, and takes it where it is told to", async () => {
    const frames = threeChains(20);
    await archiveAll(frames, 20);
    const [key = ""] = (await archive.keys(filesPrefix)).slice(-1);
    const forged = frames.slice(40).map((frame) => ({ ...frame, bytes: Buffer.from('{"event_type":"ERROR"}') }));
    const cut = {
      stream: "2026-11-23T00:00:00Z",
      from: forged[0]!.place,
      to: forged.at(-1)!.place,
      hash: forged.at(-1)!.hash,
    };
    const file = encodeFile({ cut, frames: forged });
    const body = JSON.parse(
      atob((JSON.parse(String(await readObject(archive.client, manifestKey(3)))) as { payload: string }).payload),
    ) as Manifest;
    const manifest = manifestBytes(
      { ...body, bytes: file.byteLength, sha256: sha256Of(file) },
      makeArchiveKey().signing.signer,
    );
    await archive.client.put(key, file, file.byteLength);
    await archive.client.put(manifestKey(3), manifest, manifest.byteLength);
    await expect(start()).rejects.toThrow(/of a key that is not trusted.*set ENCHANTED_IMPORT_UNSIGNED=true/s);
    expect(await ledgerFrames(ledger)).toEqual(asLedger(frames.slice(0, 40)));

    await start({ ...archive.keyFiles, ENCHANTED_IMPORT_UNSIGNED: "true" });
    expect(await ledgerFrames(ledger)).toEqual(asLedger([...frames.slice(0, 40), ...forged]));
  }, 120_000);

  it("refuses to start by a private key whose public one is not the newest", async () => {
    const { privatePem } = makeArchiveKey();
    const file = join(await temporaryDirectory(cleanup), "private.pem");
    await writeFile(file, privatePem);
    const settings = { ...archive.keyFiles, ARCHIVE_SIGNING_KEY_FILE: file };
    await expect(readManifestSigning(settings)).rejects.toThrow("put its public key behind the others");
  });
});
