import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import { post, rowsOf, startTestServer, type TestServer } from "./server.ts";

// The machine may be building other things.
jest.setTimeout(60_000);

let test: TestServer;

beforeAll(async () => {
  test = await startTestServer();
}, 60_000);

afterAll(() => test.stop(), 60_000);

describe("ClickHouse HTTP interface: queries", () => {
  it("answers ping by request and by SELECT", async () => {
    expect(await test.client.ping()).toEqual({ success: true });
    expect(await test.client.ping({ select: true })).toEqual({ success: true });
    const replicas = await fetch(`${test.server.url}/replicas_status`);
    expect([replicas.status, await replicas.text()]).toEqual([200, "Ok.\n"]);
  });

  it("binds parameters of every kind by their types", async () => {
    const rows = await rowsOf(
      test.client,
      "SELECT {s:String} AS s, {n:UInt64} AS n, {a:Array(String)} AS a, {m:Map(String, UInt8)} AS m, {d:DateTime64(3)} AS d, {x:Nullable(String)} AS x, x IS NULL AS none FROM {db:Identifier}.{t:Identifier}",
      {
        s: "it's",
        n: 42,
        a: ["a'b", "c\nd"],
        m: { k: 1 },
        d: new Date("2026-01-02T03:04:05.678Z"),
        x: null,
        db: "system",
        t: "one",
      },
    );
    expect(rows).toEqual([
      { s: "it's", n: 42, a: ["a'b", "c\nd"], m: { k: 1 }, d: "2026-01-02 03:04:05.678", x: null, none: 1 },
    ]);
  });

  it("takes parameters in a multipart body, where a long one does not fit a URL", async () => {
    const long = "é'\\\r\n--x".repeat(200_000);
    const result = await test.client.query({
      query: "SELECT length({s:String}) AS bytes, {s:String} = concat({s:String}, '') AS same",
      query_params: { s: long },
      format: "JSONEachRow",
      use_multipart_params: true,
    });
    expect(await result.json()).toEqual([{ bytes: Buffer.byteLength(long), same: 1 }]);
  });

  it("runs parameterized queries side by side without mixing their values", async () => {
    const values = Array.from({ length: 40 }, (_, i) => i);
    const answers = await Promise.all(
      values.map((n) => rowsOf<{ n: number }>(test.client, "SELECT {n:UInt32} AS n, sleep(0.02)", { n })),
    );
    expect(answers.map(([row]) => row?.n)).toEqual(values);
  });

  it("brings any text back unchanged through a parameter", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "binary", maxLength: 40 }), { maxLength: 5 }), async (texts) => {
        const rows = await rowsOf<{ t: string[]; one: string }>(
          test.client,
          "SELECT {t:Array(String)} AS t, {one:String} AS one",
          { t: texts, one: texts.join("\u0000") },
        );
        expect(rows).toEqual([{ t: texts, one: texts.join("\u0000") }]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it.each([
    ["TabSeparated", "text/tab-separated-values; charset=UTF-8", "0\tx0\n1\tx1\n"],
    ["CSVWithNames", "text/csv; charset=UTF-8", '"n","s"\n0,"x0"\n1,"x1"\n'],
    ["JSONCompactEachRow", "application/x-ndjson; charset=UTF-8", '[0, "x0"]\n[1, "x1"]\n'],
    ["RowBinary", "application/octet-stream", "\u0000\u0002x0\u0001\u0002x1"],
  ])("answers in %s", async (format, type, body) => {
    const answer = await post(
      test.server,
      "",
      `SELECT toUInt8(number) AS n, concat('x', n) AS s FROM numbers(2) FORMAT ${format}`,
    );
    expect(answer.headers.get("content-type")).toBe(type);
    expect(answer.headers.get("x-clickhouse-format")).toBe(format);
    expect(await answer.text()).toBe(body);
  });

  it("answers in the default format of URL or header when the statement names none", async () => {
    const byUrl = await post(test.server, "default_format=CSV", "SELECT 'a'");
    const byHeader = await post(test.server, "", "SELECT 'a'", { "X-ClickHouse-Format": "JSONEachRow" });
    expect([await byUrl.text(), await byHeader.text()]).toEqual(['"a"\n', `{"'a'":"a"}\n`]);
  });

  it("reads back the Parquet and Native that it wrote", async () => {
    await test.client.command({ query: "CREATE TABLE formats (n UInt64, s String) ENGINE = MergeTree ORDER BY n" });
    for (const format of ["Parquet", "Native", "ArrowStream", "RowBinaryWithNamesAndTypes", "Avro", "ORC"]) {
      await test.client.command({ query: "TRUNCATE TABLE formats" });
      const written = await post(
        test.server,
        "",
        `SELECT number AS n, repeat('é', n) AS s FROM numbers(100) FORMAT ${format}`,
      );
      const bytes = new Uint8Array(await written.arrayBuffer());
      const inserted = await post(
        test.server,
        `query=${encodeURIComponent(`INSERT INTO formats FORMAT ${format}`)}`,
        bytes,
      );
      expect([format, inserted.status]).toEqual([format, 200]);
      expect(await rowsOf(test.client, "SELECT count() AS c, sum(lengthUTF8(s)) AS l FROM formats")).toEqual([
        { c: 100, l: 4950 },
      ]);
    }
  });

  it("tells id, format, timezone and what was answered", async () => {
    const answer = await post(test.server, "query_id=my-query", "SELECT number FROM numbers(10)");
    expect(answer.headers.get("x-clickhouse-query-id")).toBe("my-query");
    expect(answer.headers.get("x-clickhouse-timezone")).toBe("UTC");
    expect(JSON.parse(answer.headers.get("x-clickhouse-summary") ?? "{}")).toMatchObject({
      result_rows: "10",
      written_rows: "0",
    });
  });

  it("applies settings of the URL to one query and not to the next", async () => {
    const quoted = await test.client.query({
      query: "SELECT 1::UInt64 AS n, getSetting('max_threads') AS t",
      format: "JSONEachRow",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1, max_threads: 1 },
    });
    expect(await quoted.json()).toEqual([{ n: "1", t: 1 }]);
    expect(await rowsOf(test.client, "SELECT 1::UInt64 AS n, getSetting('max_threads') > 1 AS t")).toEqual([
      { n: 1, t: 1 },
    ]);
  });

  it("works in the database that the request names", async () => {
    await test.client.command({ query: "CREATE DATABASE `other db`" });
    const other = test.connect({ database: "other db" });
    await other.command({ query: "CREATE TABLE here (a UInt8) ENGINE = Memory" });
    expect(await rowsOf(other, "SELECT currentDatabase() AS db, count() AS c FROM here")).toEqual([
      { db: "other db", c: 0 },
    ]);
    await expect(rowsOf(test.client, "SELECT * FROM here")).rejects.toMatchObject({
      code: "60",
      type: "UNKNOWN_TABLE",
    });
  });

  it.each([
    ["SHOW DATABASES", /default/],
    ["DESCRIBE TABLE system.one", /dummy\tUInt8/],
    ["EXISTS TABLE system.one", /^1\n$/],
    ["EXPLAIN SELECT 1", /ReadFromSystemOne/],
    ["(SELECT 1) UNION ALL (SELECT 1);", /^1\n1\n$/],
    ["WITH 7 AS x SELECT x -- FORMAT CSV", /^7\n$/],
    ["SELECT 'FORMAT CSV' AS format ORDER BY format", /^FORMAT CSV\n$/],
    ["SELECT 1 FORMAT CSV SETTINGS max_threads = 1", /^1\n$/],
    ["SELECT number FROM numbers(3) SETTINGS max_block_size = 1 FORMAT TSV", /^0\n1\n2\n$/],
    ["SELECT 1 WHERE 0", /^$/],
  ])("answers %s", async (sql, expected) => {
    const answer = await post(test.server, "", sql);
    expect(await answer.text()).toMatch(expected);
    expect(answer.status).toBe(200);
  });

  it("runs eight selects at the same time", async () => {
    const answers = Promise.all(
      Array.from({ length: 8 }, () =>
        rowsOf(test.client, "SELECT sum(sleepEachRow(0.2)) AS y FROM numbers(10) SETTINGS max_block_size = 1"),
      ),
    );
    const together = async (): Promise<number> => {
      const [row] = await rowsOf<{ c: number }>(
        test.client,
        "SELECT count() AS c FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%system.processes%'",
      );
      return row?.c ?? 0;
    };
    let most = 0;
    for (let looks = 0; looks < 300 && most < 8; looks += 1) most = Math.max(most, await together());
    expect(most).toBe(8);
    expect(await answers).toEqual(Array.from({ length: 8 }, () => [{ y: 0 }]));
  }, 60_000);
});
