import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { post, rowsOf, startTestServer, type TestServer } from "./server.ts";

// The machine may be building other things.
jest.setTimeout(60_000);

let test: TestServer;

beforeAll(async () => {
  test = await startTestServer({
    users: { reader: { password: "rd'é:", readonly: true } },
    maxMemoryBytes: 700 * 1024 * 1024,
  });
}, 60_000);

afterAll(() => test.stop(), 60_000);

describe("ClickHouse HTTP interface: errors", () => {
  it.each([
    ["SELECT * FROM nowhere", 404, "60", "UNKNOWN_TABLE"],
    ["SELECT nothing", 404, "47", "UNKNOWN_IDENTIFIER"],
    ["SELEC 1", 400, "62", "SYNTAX_ERROR"],
    ["SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"],
    ["", 400, "62", "SYNTAX_ERROR"],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", 400, "62", "SYNTAX_ERROR"],
    ["SELECT 1 FORMAT Nonsense", 404, "73", "UNKNOWN_FORMAT"],
    ["SELECT {x:UInt8}", 500, "456", "UNKNOWN_QUERY_PARAMETER"],
    ["SELECT throwIf(1)", 500, "395", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"],
    ["SELECT count() FROM numbers(100000000000) SETTINGS max_execution_time = 0.3", 408, "159", "TIMEOUT_EXCEEDED"],
  ])("answers %j with %i and code %s", async (sql, status, code, name) => {
    const answer = await post(test.server, "", sql);
    expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([status, code]);
    expect(await answer.text()).toMatch(
      new RegExp(`^Code: ${code}\\. DB::Exception: [\\s\\S]+ \\(${name}\\) \\(version 2[^)]+\\)\\n$`),
    );
  });

  it("gives the client's error its code and type, and works on", async () => {
    await expect(test.client.command({ query: "DROP TABLE nowhere" })).rejects.toMatchObject({
      code: "60",
      type: "UNKNOWN_TABLE",
    });
    await expect(
      test.client.command({ query: "SELECT 1", clickhouse_settings: { no_such_setting: 1 } }),
    ).rejects.toMatchObject({ code: "115", type: "UNKNOWN_SETTING" });
    expect(await rowsOf(test.client, "SELECT 1 AS n")).toEqual([{ n: 1 }]);
  });

  it("refuses a query beyond the memory limit and works on", async () => {
    await expect(
      rowsOf(test.client, "SELECT length(groupArray(number)) FROM numbers(500000000)"),
    ).rejects.toMatchObject({
      code: "241",
      type: "MEMORY_LIMIT_EXCEEDED",
    });
    expect(await rowsOf(test.client, "SELECT 1 AS n")).toEqual([{ n: 1 }]);
  }, 30_000);

  it("marks an error after the first rows by the tag and leaves the answer unfinished", async () => {
    const answer = await post(
      test.server,
      "",
      "SELECT number, throwIf(number = 300000) FROM numbers(400000) SETTINGS max_block_size = 10000",
    );
    expect(answer.status).toBe(200);
    const tag = answer.headers.get("x-clickhouse-exception-tag") ?? "";
    expect(tag).toMatch(/^[0-9a-f]{16}$/);
    let text = "";
    const decoder = new TextDecoder();
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
    })();
    await expect(reading).rejects.toThrow(/terminated/);
    const [, message, length] =
      new RegExp(`\\r\\n__exception__\\r\\n${tag}\\r\\n([\\s\\S]*)\\n(\\d+) ${tag}\\r\\n__exception__\\r\\n$`).exec(
        text,
      ) ?? [];
    expect(message).toMatch(/^Code: 395\. DB::Exception: .*FUNCTION_THROW_IF/);
    expect(Number(length)).toBe(Buffer.byteLength(`${message}\n`));
  });

  it("lets the client's row stream fail with the exception", async () => {
    const result = await test.client.query({
      query: "SELECT number, throwIf(number = 30000, 'too far') FROM numbers(40000)",
      format: "JSONEachRow",
      clickhouse_settings: { max_block_size: "1000" },
    });
    const reading = (async () => {
      for await (const rows of result.stream()) expect(rows.length).toBeGreaterThan(0);
    })();
    await expect(reading).rejects.toMatchObject({ code: "395" });
  });

  it("answers the same error plainly when the client waits for the end of the query", async () => {
    const answer = await post(
      test.server,
      "wait_end_of_query=1",
      "SELECT throwIf(number = 300000) FROM numbers(400000)",
    );
    expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([500, "395"]);
  });

  it("refuses native block compression in words", async () => {
    const answer = await post(test.server, "compress=1", "SELECT 1");
    expect([answer.status, await answer.text()]).toEqual([501, expect.stringContaining("Content-Encoding")]);
  });
});

describe("ClickHouse HTTP interface: users", () => {
  it("asks for credentials when there are none", async () => {
    const answer = await fetch(`${test.server.url}/?query=SELECT%201`);
    expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([401, "516"]);
    expect(answer.headers.get("www-authenticate")).toMatch(/^Basic/);
  });

  it.each([
    ["a wrong password", { username: "enchanted", password: "x" }],
    ["an unknown user", { username: "nobody", password: "x" }],
    ["a name of Object.prototype", { username: "constructor", password: "" }],
  ])("refuses %s", async (_name, credentials) => {
    await expect(rowsOf(test.connect(credentials), "SELECT 1")).rejects.toMatchObject({
      code: "516",
      type: "AUTHENTICATION_FAILED",
    });
  });

  it("takes credentials by Basic, by header and by URL", async () => {
    const { url } = test.server;
    const [user, password] = ["reader", "rd'é:"];
    const basic = Buffer.from(`${user}:${password}`).toString("base64");
    const answers = await Promise.all([
      fetch(`${url}/?query=SELECT%201`, { headers: { Authorization: `Basic ${basic}` } }),
      fetch(`${url}/?query=SELECT%201&${new URLSearchParams({ user, password }).toString()}`),
      post(test.server, "", "SELECT 1"),
    ]);
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(["1\n", "1\n", "1\n"]);
  });

  it("lets a readonly user read and change settings, not data", async () => {
    const reader = test.connect({ username: "reader", password: "rd'é:" });
    const settings = { max_threads: 1 } as const;
    const read = await reader.query({ query: "SELECT 1 AS n", format: "JSONEachRow", clickhouse_settings: settings });
    expect(await read.json()).toEqual([{ n: 1 }]);
    await expect(reader.command({ query: "CREATE TABLE mine (a UInt8) ENGINE = Memory" })).rejects.toMatchObject({
      code: "164",
    });
    await expect(
      reader.command({ query: "CREATE TABLE mine (a UInt8) ENGINE = Memory", clickhouse_settings: { readonly: "0" } }),
    ).rejects.toMatchObject({ code: "164" });
    await expect(
      reader.command({ query: "CREATE TABLE mine (a UInt8) ENGINE = Memory", session_id: "s" }),
    ).rejects.toMatchObject({ code: "164" });
  });

  it("changes nothing by GET", async () => {
    const { url, username, password } = test.server;
    const query = encodeURIComponent("CREATE TABLE got (a UInt8) ENGINE = Memory");
    const headers = { "X-ClickHouse-User": username, "X-ClickHouse-Key": password };
    const answer = await fetch(`${url}/?query=${query}`, { headers });
    expect(answer.headers.get("x-clickhouse-exception-code")).toBe("164");
  });

  it("lets no name of a parameter or setting carry SQL past the read-only user", async () => {
    await test.client.command({ query: "CREATE TABLE precious (a UInt8) ENGINE = Memory" });
    const attack = "x = '1'; DROP TABLE precious; SET param_y";
    const names = [`param_${attack}`, attack.replace("x", "max_threads")];
    const basic = { Authorization: `Basic ${Buffer.from("reader:rd'é:").toString("base64")}` };
    for (const name of names) {
      const query = new URLSearchParams({ [name]: "1" }).toString();
      const answer = await fetch(`${test.server.url}/?${query}`, { method: "POST", body: "SELECT 1", headers: basic });
      expect([answer.status, answer.headers.get("x-clickhouse-exception-code")]).toEqual([400, "36"]);
    }
    const many = "INSERT INTO precious (a); DROP TABLE precious; INSERT INTO precious FORMAT CSV 1";
    const answer = await fetch(`${test.server.url}/`, { method: "POST", body: many, headers: basic });
    expect(answer.headers.get("x-clickhouse-exception-code")).toBe("62");
    expect(await rowsOf(test.client, "SELECT count() AS c FROM precious")).toEqual([{ c: 0 }]);
  });

  it("outlives ids, formats and paths that fit no header or URL", async () => {
    const odd = encodeURIComponent("é\n€\u0000");
    const byId = await post(test.server, `query_id=${odd}`, "SELECT 1");
    const byFormat = await post(test.server, `default_format=${odd}`, "SELECT 1");
    expect([byId.status, byFormat.status]).toEqual([200, 404]);
    expect((await fetch(`${test.server.url}//`)).status).toBe(404);
    expect(await test.client.ping()).toEqual({ success: true });
  });
});
