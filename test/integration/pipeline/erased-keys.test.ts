import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createHash, hash } from "node:crypto";
import { KEY_BYTES, sortKeys } from "#nervous-system/kernel/sorted-keys.ts";
import { createSqlClient, type SqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { createErasedKeys as ofArchive } from "#pipeline/siphon/archive/erased-keys.ts";
import { createErasedKeys as ofLedger } from "#pipeline/siphon/ledger/erased-keys.ts";
import { createErasedKeys as ofMemory } from "#pipeline/siphon/memory/erased-keys.ts";
import type { ErasedKeys } from "#pipeline/siphon/erased-frames.ts";
import type { Erasure } from "#pipeline/siphon/erasures.ts";
import { startTestArchive, type TestArchive } from "./archive-harness.ts";
import { createCleanup } from "./bus-harness.ts";
import { agentUid, chainBuilder } from "./chain-builder.ts";
import { asBatch, inStream } from "./graph-harness.ts";
import { ledgerFrames, startTestLedger, type TestLedger } from "./ledger-harness.ts";
import { startTestMemory, type TestMemory } from "./memory-harness.ts";

const MILLION = 1_000_000;
// A batch waits no longer than it takes to write it.
const BATCH_MS = 5_000;
const never = new AbortController().signal;
const prefix = "archive.v1/erased/";
const cleanup = createCleanup();
let ledger: TestLedger;
let archive: TestArchive;
let memory: TestMemory;
let client: SqlClient;

beforeAll(async () => {
  [ledger, archive, memory] = await Promise.all([
    startTestLedger(cleanup),
    startTestArchive(cleanup),
    startTestMemory(cleanup),
  ]);
  const { url, username, password } = ledger.server;
  client = createSqlClient({ url, username, password });
  for (const sink of [ledger.sink(), archive.sink(), memory.sink()]) {
    await sink.prepare();
    await sink.close();
  }
}, 600_000);
afterAll(async () => {
  await client.close();
  await cleanup.run();
}, 60_000);

/** The key of a number, as ClickHouse makes it too. */
const keyOf = (n: number): string => createHash("md5").update(String(n)).digest("hex");
const keys = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => keyOf(from + n));

/** Asks for as many as a batch has, of which ten are kept, and how long that takes. */
const askForBatch = async ({ among }: Pick<ErasedKeys, "among">, size: number, most = MILLION) => {
  const kept = Array.from({ length: 10 }, (_, n) => keyOf(Math.floor((n * (most - 1)) / 9)));
  const asked = [...keys(MILLION * 2, size - kept.length), ...kept];
  const began = performance.now();
  const found = [...(await among(asked))].toSorted();
  return { found, kept: kept.toSorted(), ms: performance.now() - began };
};

const roundTrip = async (open: () => ErasedKeys): Promise<void> => {
  const own = keys(MILLION * 3, 600);
  expect([...(await open().among(own))]).toEqual([]);
  await open().keep(own);
  await open().keep(own.slice(100));
  expect([...(await open().among([...own, ...keys(MILLION * 4, 600)]))].toSorted()).toEqual(own.toSorted());
  await open().keep([]);
  expect([...(await open().among([]))]).toEqual([]);
};

describe("keys of erased frames", () => {
  it("are found again in the ledger, the archive and the memory", async () => {
    await roundTrip(() => ofLedger(client));
    await roundTrip(() => ofArchive(archive.client));
    await roundTrip(() => ofMemory(memory.client));
  }, 120_000);

  it("are few objects of the archive however many orders there were, whoever reads them then", async () => {
    const own = ofArchive(archive.client);
    for (let n = 0; n < 70; n += 1) await own.keep([keyOf(MILLION * 5 + n)]);
    expect((await archive.keys(prefix)).length).toBeLessThan(66);
    const again = ofArchive(archive.client);
    expect([...(await again.among(keys(MILLION * 5, 71)))]).toHaveLength(70);
  }, 120_000);

  it("cost a batch of the ledger little where there are a million", async () => {
    await client.command(
      `INSERT INTO enchanted.erased SELECT lower(hex(MD5(toString(number)))) FROM numbers(${MILLION})`,
    );
    const { found, kept, ms } = await askForBatch(ofLedger(client), 8192);
    expect(found).toEqual(kept);
    expect(ms).toBeLessThan(BATCH_MS);
  }, 120_000);

  it("cost a batch of the archive little where there are a million, and 16 MB", async () => {
    const all = sortKeys(keys(0, MILLION));
    await archive.client.put(`${prefix}${hash("sha256", all, "hex")}`, all, all.length);
    const own = ofArchive(archive.client);
    await own.among([]);
    const { found, kept, ms } = await askForBatch(own, 20_000);
    expect(found).toEqual(kept);
    expect(ms).toBeLessThan(BATCH_MS);
    expect(all.length).toBe(MILLION * KEY_BYTES);
  }, 120_000);

  it("are not read from an object that somebody changed: the archive says which", async () => {
    const name = `${prefix}${"0".repeat(64)}`;
    await archive.client.put(name, Buffer.alloc(KEY_BYTES), KEY_BYTES);
    const sink = archive.sink();
    await sink.prepare();
    const batch = asBatch(
      chainBuilder({ agent_uid: agentUid(8) })
        .take(1)
        .map(inStream()),
    );
    expect(await sink.write(batch, never)).toMatchObject({ kind: "retryable", reason: expect.stringContaining(name) });
    await archive.client.delete(name);
    expect(await sink.write(batch, never)).toEqual({ kind: "written" });
    await sink.close();
  });
});

describe("a batch of nothing but orders", () => {
  it("is carried out by the ledger", async () => {
    const chain = chainBuilder({ agent_uid: agentUid(9) })
      .take(8192)
      .map(inStream());
    const sink = ledger.sink();
    await sink.prepare();
    expect(await sink.write(asBatch(chain), never)).toEqual({ kind: "written" });
    const erasures = chain.map(({ envelope, place }): Erasure => {
      const { namespace, event_id: eventId, agent_uid, epoch, seq } = envelope;
      return { namespace, eventId, agentUid: agent_uid, epoch, seq, principal: "", places: [place], blobs: [] };
    });
    expect(await sink.erase(erasures, never)).toEqual({ kind: "written" });
    const rows = await ledgerFrames(ledger);
    expect(rows.filter(({ frame }) => frame.startsWith('{"erased":"'))).toHaveLength(chain.length);
    await sink.close();
  }, 300_000);
});
