import { randomUUID } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { waitFor } from "#platform/process/wait.ts";
import { post, rowsOf, startTestServer, type TestServer } from "./server.ts";

// The machine may be building other things.
jest.setTimeout(60_000);

let test: TestServer;

beforeAll(async () => {
  test = await startTestServer();
}, 60_000);

afterAll(() => test.stop(), 60_000);

const running = async (text: string): Promise<number> => {
  const rows = await rowsOf<{ c: number }>(
    test.client,
    "SELECT count() AS c FROM system.processes WHERE position(query, {text:String}) > 0 AND NOT position(query, 'system.processes') > 0",
    { text },
  );
  return rows[0]?.c ?? -1;
};

// The server's process and the engine's below it.
const processTree = async (pid: number): Promise<number[]> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return [pid, ...children.trim().split(" ").filter(Boolean).map(Number)];
};

const residentBytes = async (): Promise<number> => {
  const pids = await processTree(test.server.pid);
  const statuses = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, "utf8")));
  return statuses.reduce((sum, status) => sum + 1024 * Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0), 0);
};

describe("ClickHouse HTTP interface: streams", () => {
  it("sends rows before the query has ended", async () => {
    const answer = await post(
      test.server,
      "",
      "SELECT number, sleepEachRow(0.01), repeat('x', 100000) FROM numbers(100) SETTINGS max_block_size = 1",
    );
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(first?.value?.length).toBeGreaterThan(0);
    expect(await running("sleepEachRow(0.01)")).toBe(1);
    await reader?.cancel();
    await waitFor("the query to end", async () => (await running("sleepEachRow(0.01)")) === 0, { timeoutMs: 10_000 });
  }, 30_000);

  it("streams a large answer in bounded memory to a reader that is slow", async () => {
    const before = await residentBytes();
    const result = await test.client.query({
      query: "SELECT number, repeat('x', 200) AS s FROM numbers(3000000)",
      format: "JSONEachRow",
    });
    let rows = 0;
    let most = 0;
    for await (const chunk of result.stream()) {
      rows += chunk.length;
      if (rows % 500_000 < chunk.length) most = Math.max(most, await residentBytes());
    }
    expect(rows).toBe(3_000_000);
    // The answer is 660 MB.
    expect(most - before).toBeLessThan(300 * 1024 * 1024);
  }, 120_000);

  it("cancels an endless select when its reader leaves midway", async () => {
    const mark = randomUUID();
    const result = await test.client.query({
      query: `SELECT number, '${mark}' FROM system.numbers`,
      format: "JSONEachRow",
    });
    for await (const rows of result.stream()) {
      expect(rows.length).toBeGreaterThan(0);
      break;
    }
    await waitFor("the query to be cancelled", async () => (await running(mark)) === 0, { timeoutMs: 10_000 });
  }, 30_000);

  it("cancels a select that has not answered a row when its client gives up", async () => {
    const mark = randomUUID();
    const controller = new AbortController();
    const query = `SELECT count(), '${mark}' FROM numbers(1000000000000) WHERE sipHash64(number) = 1`;
    const asking = test.client.query({ query, abort_signal: controller.signal });
    const failed = asking.then(
      () => "answered",
      (error: { message: string }) => error.message,
    );
    await waitFor("the query to run", async () => (await running(mark)) === 1, { timeoutMs: 10_000 });
    controller.abort();
    expect(await failed).toMatch(/abort/);
    await waitFor("the query to be cancelled", async () => (await running(mark)) === 0, { timeoutMs: 10_000 });
  }, 30_000);

  it("kills a query by the id that its client gave it", async () => {
    const query_id = randomUUID();
    const query = `SELECT count(), 'kill me' FROM numbers(1000000000000) WHERE sipHash64(number) = 2`;
    const failed = test.client.query({ query, query_id }).then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    await waitFor("the query to run", async () => (await running("kill me")) === 1, { timeoutMs: 10_000 });
    await expect(test.client.query({ query: "SELECT 1", query_id })).rejects.toMatchObject({ code: "216" });
    await test.client.command({ query: `KILL QUERY WHERE query_id = '${query_id}' SYNC` });
    expect(await failed).toBe("394");
  }, 30_000);

  it("takes a large insert in bounded memory and leaves no file behind", async () => {
    await test.client.command({ query: "CREATE TABLE large (n UInt64, s String) ENGINE = MergeTree ORDER BY n" });
    const before = await residentBytes();
    const block = "y".repeat(1000);
    const values = Readable.from(
      (function* () {
        for (let n = 0; n < 900_000; n += 1) yield { n, s: block };
      })(),
      { objectMode: true },
    );
    let most = 0;
    let inserted = false;
    const inserting = test.client
      .insert({
        table: "large",
        values,
        format: "JSONEachRow",
        clickhouse_settings: { min_insert_block_size_bytes: String(32 * 1024 * 1024) },
      })
      .finally(() => (inserted = true));
    const look = async (): Promise<boolean> => {
      most = Math.max(most, await residentBytes());
      return inserted;
    };
    await waitFor("the insert to end", look, { timeoutMs: 100_000, intervalMs: 100 });
    await inserting;
    expect(await rowsOf(test.client, "SELECT count() AS c FROM large")).toEqual([{ c: 900_000 }]);
    // The body is 875 MiB; the engine holds blocks of it, and what its allocator keeps: 400 to 710 MiB have been seen.
    expect(most - before).toBeLessThan(800 * 1024 * 1024);
    const spool = test.server.logFile.replace(/logs\/.*$/, "spool");
    const left = async (): Promise<boolean> => (await readdir(spool)).some((name) => !name.endsWith(".fifo"));
    await waitFor("the spooled body to be removed", async () => !(await left()), { timeoutMs: 10_000 });
  }, 120_000);
});

describe("ClickHouse HTTP interface: sessions", () => {
  const inSession = (session_id: string, query: string) =>
    test.client.query({ query, session_id, format: "JSONEachRow" }).then((result) => result.json());

  it("keeps temporary tables and SET of a session, apart from other sessions", async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    await test.client.command({ query: "CREATE TEMPORARY TABLE mine (a UInt8)", session_id: one });
    await test.client.insert({ table: "mine", values: [{ a: 7 }], format: "JSONEachRow", session_id: one });
    await test.client.command({ query: "SET max_block_size = 12345", session_id: one });
    expect(await inSession(one, "SELECT a, getSetting('max_block_size') AS s FROM mine")).toEqual([{ a: 7, s: 12345 }]);
    await expect(inSession(two, "SELECT a FROM mine")).rejects.toMatchObject({ code: "60" });
    expect(await inSession(two, "SELECT getSetting('max_block_size') = 12345 AS s")).toEqual([{ s: 0 }]);
  });

  it("gives up a setting of one request in a session at its end, and keeps that of SET", async () => {
    const session_id = randomUUID();
    await test.client.command({ query: "SET max_block_size = 777", session_id });
    const clickhouse_settings = { max_block_size: "5", max_threads: 1 };
    const during = await test.client.query({
      query: "SELECT getSetting('max_block_size') AS s",
      session_id,
      clickhouse_settings,
      format: "JSONEachRow",
    });
    expect(await during.json()).toEqual([{ s: 5 }]);
    expect(await inSession(session_id, "SELECT getSetting('max_block_size') AS s")).toEqual([{ s: 777 }]);
  });

  it("is free for the next query as soon as the last is answered, and its query id too", async () => {
    const session_id = randomUUID();
    for (let i = 0; i < 100; i += 1) {
      const query = ["SELECT 1 FORMAT CSV", "SHOW TABLES", "SET max_threads = 1"][i % 3] ?? "";
      const answer = await post(test.server, `session_id=${session_id}&query_id=the-same`, query);
      await answer.text();
      expect(answer.status).toBe(200);
    }
  });

  it("lets one query at a time into a session", async () => {
    const session_id = randomUUID();
    const slow = inSession(session_id, "SELECT sleep(1) AS locked");
    await waitFor("the query to run", async () => (await running("sleep(1)")) === 1, { timeoutMs: 10_000 });
    await expect(inSession(session_id, "SELECT 1")).rejects.toMatchObject({ code: "373", type: "SESSION_IS_LOCKED" });
    await slow;
  });

  it("ends a session after its idle time, and tells who asks for one that is not there", async () => {
    const missing = await post(test.server, `session_id=${randomUUID()}&session_check=1`, "SELECT 1");
    expect(missing.headers.get("x-clickhouse-exception-code")).toBe("372");
    const id = randomUUID();
    await post(test.server, `session_id=${id}&session_timeout=1`, "CREATE TEMPORARY TABLE gone (a UInt8)");
    // Each look begins the idle time anew, so looks are further apart than it is long.
    const look = `session_id=${id}&session_check=1&session_timeout=1`;
    const ended = async (): Promise<boolean> =>
      (await post(test.server, look, "SELECT 1")).headers.get("x-clickhouse-exception-code") === "372";
    await waitFor("the session to end", ended, { timeoutMs: 10_000, intervalMs: 1500 });
  }, 30_000);
});
