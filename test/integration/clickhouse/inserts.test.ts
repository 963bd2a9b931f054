import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { waitFor } from "#platform/process/wait.ts";
import { post, rowsOf, startTestServer, type TestServer } from "./server.ts";

// The ledger's table in small.
const FRAMES = `
  CREATE TABLE frames (
    event_id UUID, agent_uid LowCardinality(String), epoch UInt32, seq UInt64, at DateTime64(9, 'UTC'),
    frame String CODEC(ZSTD(3))
  ) ENGINE = ReplacingMergeTree ORDER BY (agent_uid, epoch, seq, event_id)
  SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1`;

type Frame = { event_id: string; agent_uid: string; epoch: number; seq: number; at: string; frame: string };

const frames = (from: number, count: number): Frame[] =>
  Array.from({ length: count }, (_, i) => ({
    event_id: randomUUID(),
    agent_uid: `agent-${(from + i) % 3}`,
    epoch: 1,
    seq: from + i,
    at: "2026-01-02 03:04:05.123456789",
    frame: `frame ${from + i} é\u0000\u0001"\\`,
  }));

// The machine may be building other things.
jest.setTimeout(60_000);

let test: TestServer;

const insertFrames = (values: Frame[] | Readable, settings: Record<string, string> = {}) =>
  test.client.insert({ table: "frames", values, format: "JSONEachRow", clickhouse_settings: settings });

const count = async (): Promise<number> =>
  (await rowsOf<{ c: number }>(test.client, "SELECT count() AS c FROM frames"))[0]?.c ?? -1;

const insertQuery = `query=${encodeURIComponent("INSERT INTO frames FORMAT JSONEachRow")}`;

beforeAll(async () => {
  test = await startTestServer();
}, 60_000);

beforeEach(async () => {
  await test.client.command({ query: "DROP TABLE IF EXISTS frames SYNC" });
  await test.client.command({ query: FRAMES });
});

afterAll(() => test.stop(), 60_000);

describe("ClickHouse HTTP interface: inserts", () => {
  it("keeps every type of the ledger as it was given, and says how many rows it wrote", async () => {
    const given = frames(1, 20);
    const { summary } = await insertFrames(given);
    expect(summary).toMatchObject({ written_rows: "20" });
    expect(await rowsOf(test.client, "SELECT * FROM frames ORDER BY seq")).toEqual(given);
  });

  it("writes an insert once, however often it comes with the same token", async () => {
    const given = frames(1, 50);
    for (let i = 0; i < 3; i += 1) await insertFrames(given, { insert_deduplication_token: "cut-1-50" });
    await insertFrames(frames(51, 50), { insert_deduplication_token: "cut-1-50" });
    expect(await count()).toBe(50);
    await insertFrames(frames(51, 50), { insert_deduplication_token: "cut-51-100" });
    expect(await count()).toBe(100);
  });

  it("takes 100 inserts at the same time", async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => insertFrames(frames(i * 10, 10))));
    expect(await rowsOf(test.client, "SELECT count() AS c, uniqExact(seq) AS u FROM frames")).toEqual([
      { c: 1000, u: 1000 },
    ]);
  }, 60_000);

  it.each([
    ["not JSON", '{"seq": 3, "frame":'],
    ["a wrong type", '{"seq": "many"}'],
    ["an unknown field", '{"sequence": 3}'],
  ])("inserts nothing when one row is broken: %s", async (_name, broken) => {
    const rows = [...frames(1, 500).map((row) => JSON.stringify(row)), broken].join("\n");
    const answer = await post(test.server, `${insertQuery}&input_format_skip_unknown_fields=0`, rows);
    expect([26, 27, 117]).toContain(Number(answer.headers.get("x-clickhouse-exception-code")));
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("(at row 501)")]);
    expect(await count()).toBe(0);
  });

  it("streams rows from the client's stream", async () => {
    await insertFrames(Readable.from(frames(1, 5000), { objectMode: true }));
    expect(await count()).toBe(5000);
  });

  it("inserts nothing when the client breaks off", async () => {
    const { url, username, password } = test.server;
    const spool = join(dirname(dirname(test.server.logFile)), "spool");
    const spooled = async (): Promise<boolean> => (await readdir(spool)).some((name) => name.endsWith(".rows"));
    const sending = request(`${url}/?${insertQuery}`, { method: "POST", auth: `${username}:${password}` });
    const ended = new Promise((resolve) => sending.once("error", resolve));
    sending.write(`${JSON.stringify(frames(1, 1)[0])}\n`.repeat(2000));
    await waitFor("the insert to begin", spooled, { timeoutMs: 10_000 });
    sending.destroy();
    await ended;
    await waitFor("the insert to be given up", async () => !(await spooled()), { timeoutMs: 10_000 });
    expect(await count()).toBe(0);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
  ])("takes a body in %s, and the statement within it", async (encoding, compress) => {
    const rows = frames(1, 300)
      .map((row) => JSON.stringify(row))
      .join("\n");
    const headers = { "Content-Encoding": encoding };
    const apart = await post(test.server, insertQuery, compress(rows), headers);
    const within = await post(test.server, "", compress(`INSERT INTO frames FORMAT JSONEachRow\n${rows}`), headers);
    expect([apart.status, within.status, await count()]).toEqual([200, 200, 600 - 300]);
  });

  it("inserts nothing of a compressed body that is cut", async () => {
    const whole = gzipSync(
      frames(1, 300)
        .map((row) => JSON.stringify(row))
        .join("\n"),
    );
    const answer = await post(test.server, insertQuery, whole.subarray(0, whole.length - 20), {
      "Content-Encoding": "gzip",
    });
    expect(answer.ok).toBe(false);
    expect(await count()).toBe(0);
  });

  it("compresses both ways with the client's own option", async () => {
    const client = test.connect({ compression: { request: true, response: true } });
    const given = frames(1, 3000);
    await client.insert({ table: "frames", values: given, format: "JSONEachRow" });
    expect(await rowsOf(client, "SELECT * FROM frames ORDER BY seq")).toEqual(given);
  });

  it.each(["gzip", "deflate", "br", "zstd"])("answers in %s when asked", async (encoding) => {
    const answer = await post(test.server, "enable_http_compression=1", "SELECT number FROM numbers(100000)", {
      "Accept-Encoding": encoding,
    });
    expect(answer.headers.get("content-encoding")).toBe(encoding);
    expect((await answer.text()).split("\n").length).toBe(100_001);
  });

  it.each([
    ["INSERT INTO frames (seq, frame) VALUES", "(1, 'a;b'), (2, 'FORMAT')"],
    ["INSERT INTO frames (seq, frame) FORMAT CSV", '1,"a"\n2,"b"'],
    ["INSERT INTO TABLE frames (* EXCEPT(frame)) SETTINGS max_threads = 1 FORMAT JSONEachRow", '{"seq":1}\n{"seq":2}'],
    ["insert into `frames` (seq) select n * 10 from input('n UInt64') where n < 3 format TSV", "1\n2\n3\n"],
    ["INSERT INTO FUNCTION null('seq UInt64') FORMAT TSV", "1\n"],
    ["INSERT INTO frames (seq) SELECT number FROM numbers(2)", ""],
  ])("understands %s", async (statement, data) => {
    const inUrl = await post(test.server, `query=${encodeURIComponent(statement)}`, data);
    const expected = statement.includes("null(") ? 0 : 2;
    expect([inUrl.status, await inUrl.text(), await count()]).toEqual([200, "", expected]);
    await test.client.command({ query: "TRUNCATE TABLE frames" });
    const inBody = await post(test.server, "insert_deduplicate=0", `${statement} ${data}`);
    expect([inBody.status, await count()]).toEqual([200, expected]);
  });

  it("brings any text back unchanged through JSONEachRow", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "binary", maxLength: 60 }), { minLength: 1, maxLength: 20 }),
        async (texts) => {
          const table = `t_${randomUUID().replaceAll("-", "")}`;
          await test.client.command({ query: `CREATE TABLE ${table} (i UInt32, s String) ENGINE = Memory` });
          await test.client.insert({ table, values: texts.map((s, i) => ({ i, s })), format: "JSONEachRow" });
          const rows = await rowsOf<{ s: string }>(test.client, `SELECT s FROM ${table} ORDER BY i`);
          await test.client.command({ query: `DROP TABLE ${table}` });
          expect(rows.map((row) => row.s)).toEqual(texts);
        },
      ),
      { numRuns: 30 },
    );
  }, 60_000);
});
