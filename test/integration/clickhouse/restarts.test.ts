import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { waitFor } from "#platform/process/wait.ts";
import { post, rowsOf, startTestServer, type TestServer } from "./server.ts";

// The machine may be building other things.
jest.setTimeout(60_000);

let test: TestServer;

beforeEach(async () => {
  test = await startTestServer();
  await test.client.command({
    query:
      "CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
  });
}, 60_000);

afterEach(() => test.stop(), 60_000);

const engineOf = async (pid: number): Promise<number> =>
  Number((await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ")[0]);

const insert = (n: number) => test.client.insert({ table: "kept", values: [{ n }], format: "JSONEachRow" });
const kept = () => rowsOf<{ c: number; m: number }>(test.client, "SELECT count() AS c, max(n) AS m FROM kept");

// Inserts rows until the server stops answering; how many it has acknowledged.
const insertUntilFailure = async (from: number): Promise<number> => {
  for (let n = from; ; n += 1) {
    const done = await insert(n).then(
      () => true,
      () => false,
    );
    if (!done) return n - from;
  }
};

describe("ClickHouse server: stop, kill and restart", () => {
  it("keeps data and tables over a graceful restart", async () => {
    await insert(1);
    await test.server.restart();
    expect(await kept()).toEqual([{ c: 1, m: 1 }]);
    await insert(2);
    expect(await kept()).toEqual([{ c: 2, m: 2 }]);
  }, 60_000);

  it("finishes what runs before it stops", async () => {
    const running = rowsOf(test.client, "SELECT sleepEachRow(0.5) AS s FROM numbers(4) SETTINGS max_block_size = 1");
    await waitFor(
      "the query to run",
      async () => (await (await post(test.server, "", "SELECT count() FROM system.processes")).text()) === "2\n",
      { timeoutMs: 10_000 },
    );
    await test.server.stop();
    expect(await running).toHaveLength(4);
  }, 60_000);

  it("keeps every acknowledged insert over kill -9", async () => {
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const inserting = insertUntilFailure(acknowledged);
      await waitFor("inserts", async () => ((await kept())[0]?.c ?? 0) > acknowledged + 5, { timeoutMs: 20_000 });
      test.server.kill("SIGKILL");
      acknowledged += await inserting;
      await test.server.restart();
      const [row] = await kept();
      expect(row?.c).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = (row?.m ?? -1) + 1;
    }
  }, 120_000);

  it("starts the engine again when it dies, and tells the clients under way to retry", async () => {
    await insert(1);
    const engine = await engineOf(test.server.pid);
    const asking = post(test.server, "", "SELECT sleepEachRow(1) FROM numbers(100) SETTINGS max_block_size = 1");
    await waitFor(
      "the query to run",
      async () => (await (await post(test.server, "", "SELECT count() FROM system.processes")).text()) === "2\n",
      { timeoutMs: 10_000 },
    );
    process.kill(engine, "SIGKILL");
    const answer = await asking;
    expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([503, "210"]);
    expect(await answer.text()).toMatch(/SIGKILL.*retry/);
    // Asked at once, while the engine is still starting: the server lets it wait.
    expect(await kept()).toEqual([{ c: 1, m: 1 }]);
    expect(await engineOf(test.server.pid)).not.toBe(engine);
  }, 60_000);

  it("says on /ping when it is not ready", async () => {
    process.kill(await engineOf(test.server.pid), "SIGKILL");
    const status = async (): Promise<number> => (await fetch(`${test.server.url}/ping`)).status;
    await waitFor("not ready", async () => (await status()) === 503, { timeoutMs: 10_000, intervalMs: 5 });
    await waitFor("ready", async () => (await status()) === 200, { timeoutMs: 30_000 });
  }, 60_000);

  it("leaves no engine behind when it is killed, whatever runs in it", async () => {
    const engine = await engineOf(test.server.pid);
    // As a statement that the engine cannot leave at once.
    const long = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 3";
    const running = rowsOf(test.client, long).catch(() => undefined);
    const isRunning = async (): Promise<boolean> =>
      (await (await post(test.server, "", "SELECT count() FROM system.processes")).text()) === "2\n";
    await waitFor("the statement to run", isRunning, { timeoutMs: 10_000 });
    test.server.kill("SIGKILL");
    await running;
    await waitFor(
      "the engine to end",
      async () => (await readFile(`/proc/${engine}/stat`, "utf8").catch(() => "")) === "",
      { timeoutMs: 10_000 },
    );
  }, 60_000);
});
