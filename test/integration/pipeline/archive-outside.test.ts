import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createFrameFile } from "#nervous-system/codecs/parquet/frame-file.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { filesPrefix } from "#pipeline/siphon/archive/keys.ts";
import { readObject } from "#pipeline/siphon/archive/read-object.ts";
import type { Batch } from "#pipeline/siphon/sink.ts";
import { run } from "#platform/process/run.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { createCleanup, temporaryDirectory } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { strangePayloads } from "./strange-payloads.ts";

const cleanup = createCleanup();
let archive: TestArchive;
let ledger: TestLedger;
let python: string;
let place = 0;

const stored = (frames: readonly Omit<StoredFrame, "place" | "storedNs">[]): StoredFrame[] =>
  frames.map((frame) => ({
    ...frame,
    place: (place += 1),
    storedNs: 1_763_701_175_123_456_789n,
    ...(place % 3 === 0 ? { principal: "system:serviceaccount:team-a:tool" } : {}),
  }));

const strange = chainBuilder({ agent_uid: agentUid(1), mission: "strange" });
const asked = chainBuilder({ agent_uid: agentUid(2), mission: "asked" });
const batches: readonly StoredFrame[][] = [
  stored(strangePayloads.map((event) => strange.next(event))),
  stored([...asked.take(500), { ...strange.next(), bytes: Buffer.from([0x7b, 0xff, 0x00, 0x7d]) }]),
];
const frames = batches.flat();

const sha256 = (bytes: Uint8Array | string): Buffer => createHash("sha256").update(bytes).digest();
const digestOf = (all: readonly StoredFrame[]): string => {
  const digest = createHash("sha256");
  for (const { bytes, envelopeText, hash } of all)
    for (const part of [bytes, envelopeText, hash]) digest.update(sha256(part));
  return digest.digest("hex");
};

beforeAll(async () => {
  [archive, ledger, python] = await Promise.all([
    startTestArchive(cleanup),
    startTestLedger(cleanup),
    ensurePythonEnvironment(),
  ]);
  const sink = archive.sink();
  await sink.prepare();
  for (const all of batches) {
    const [from, to] = [all[0]!.place, all.at(-1)!.place];
    const batch: Batch = { cut: { stream: "2026-11-23T00:00:00Z", from, to, hash: "h" }, frames: all };
    expect(await sink.write(batch, new AbortController().signal)).toEqual({ kind: "written" });
  }
  await sink.close();
}, 600_000);
afterAll(() => cleanup.run(), 60_000);

describe("the archive, read with nothing of ours", () => {
  it("is every frame to DuckDB, in columns of their types", async () => {
    const dir = await temporaryDirectory(cleanup);
    for (const key of await archive.keys(filesPrefix))
      await writeFile(join(dir, basename(key)), (await readObject(archive.client, key))!);
    const script = fileURLToPath(new URL("read_archive.py", import.meta.url));
    const found = JSON.parse(await run([python, script, `${dir}/*.parquet`])) as { columns: Record<string, string> };
    expect(found).toMatchObject({ rows: frames.length, digest: digestOf(frames), agents: 2 });
    expect(found).toMatchObject({ said: Array.from({ length: 500 }, (_, n) => `thought ${n + 1}`) });
    expect(found.columns).toMatchObject({
      stream_seq: "BIGINT",
      frame: "VARCHAR",
      envelope: "VARCHAR",
      frame_bytes: "BLOB",
    });
    expect(found.columns["observed"]).toMatch(/^TIMESTAMP/);
  }, 120_000);

  it("is the same of an export, in however many row groups that was written", async () => {
    const file = createFrameFile({ "enchanted.export": "{}" });
    const parts = [
      file.group(frames.slice(0, 5)),
      file.group(frames.slice(5, 300)),
      file.group(frames.slice(300)),
      file.end(),
    ];
    const path = join(await temporaryDirectory(cleanup), "export.parquet");
    await writeFile(path, Buffer.concat(parts));
    const script = fileURLToPath(new URL("read_archive.py", import.meta.url));
    const found: unknown = JSON.parse(await run([python, script, path]));
    expect(found).toMatchObject({ rows: frames.length, digest: digestOf(frames), agents: 2 });
  }, 120_000);

  it("is every frame to ClickHouse, which asks S3 itself", async () => {
    const { endpoint, accessKey, secretKey } = archive.server;
    const files = `s3('${endpoint}/${archive.bucket}/${filesPrefix}*/*.parquet', '${accessKey}', '${secretKey}', 'Parquet')`;
    const rows = await ledger.rows<Record<string, string>>(
      `SELECT hex(SHA256(concat(SHA256(ifNull(frame_bytes, frame)), SHA256(envelope), SHA256(hash)))) AS one,
              toString(stored) AS stored, principal, toString(seq) AS seq
       FROM ${files} ORDER BY stream_seq`,
    );
    expect(rows).toEqual(
      frames.map(({ bytes, envelopeText, hash, principal = "", envelope }) => ({
        one: sha256(Buffer.concat([bytes, envelopeText, hash].map(sha256)))
          .toString("hex")
          .toUpperCase(),
        stored: "2025-11-21 04:59:35.123456789",
        principal,
        seq: String(envelope.seq),
      })),
    );
    const [said] = await ledger.rows<{ n: string }>(
      `SELECT count() AS n FROM ${files} WHERE mission = 'asked' AND JSONExtractString(frame, 'payload', 'text') LIKE 'thought %'`,
    );
    expect(Number(said?.n)).toBe(500);
  }, 120_000);
});
