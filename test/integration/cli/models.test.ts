import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { listen } from "#nervous-system/comms/socket/listen.ts";
import { startTestUpstream, type TestUpstream } from "#test/integration/gateway/https-upstream.ts";
import { createCleanup, temporaryDirectory } from "#test/integration/pipeline/bus-harness.ts";
import { enchanted, payloads, setCliStage, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

const cleanup = createCleanup();
let upstream: TestUpstream;
let stage: CliStage;
beforeAll(async () => {
  upstream = await startTestUpstream(await temporaryDirectory(cleanup));
  cleanup.add(() => upstream.stop());
});
afterAll(() => cleanup.run());
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

/** Asks by fetch, prints each piece as it comes, and lets the test go on once the first one is there. */
const asking = `
const [path, body] = process.argv.slice(2);
const base = path.startsWith("/v1") ? process.env.ANTHROPIC_BASE_URL : process.env.OPENAI_BASE_URL;
const answer = await fetch(base + path, { method: "POST", headers: { "x-api-key": "mine", authorization: "Bearer mine" }, body });
let text = "";
for await (const piece of answer.body) {
  const isFirst = text === "";
  text += Buffer.from(piece).toString();
  if (isFirst) await fetch(process.env.FIRST_SEEN, { method: "POST" }).catch(() => undefined);
}
console.log(answer.status, JSON.stringify(text));
`;

const ask = async (path: string, body: unknown, env: Record<string, string>) => {
  await writeFile(join(stage.cwd, "ask.mjs"), asking);
  const end = await stage.cli(["run", "--no-observe", "--", process.execPath, "ask.mjs", path, JSON.stringify(body)], {
    env: { NODE_EXTRA_CA_CERTS: upstream.caFile, FIRST_SEEN: `${upstream.url}/first-seen`, ...env },
  });
  return { end, calls: payloads(await stage.lines(), "MODEL_CALL") };
};

/** Sends the first event, and the rest only when the program has seen it: what is held back would never arrive. */
const stream = (events: readonly string[]): void => {
  const { promise: seen, resolve: see } = Promise.withResolvers<void>();
  upstream.respond(({ path }, response) => {
    if (path === "/first-seen") {
      see();
      return void response.end();
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(events[0]);
    void seen.then(() => response.end(events.slice(1).join("")));
  });
};
const question = { model: "m", stream: true, messages: [{ role: "user", content: "x" }] };

it("streams an OpenAI-compatible answer over https as it comes, unchanged, and records it", async () => {
  const events = [
    'data: {"choices":[{"delta":{"content":"hé"}}]}\n\n',
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n',
    "data: [DONE]\n\n",
  ];
  stream(events);
  const { end, calls } = await ask("/chat/completions", question, { OPENAI_BASE_URL: `${upstream.url}/v9` });
  expect(end).toMatchObject({ code: 0, stdout: `200 ${JSON.stringify(events.join(""))}\n`, stderr: "" });
  const [asked] = upstream.asked.splice(0);
  expect(asked).toMatchObject({ path: "/v9/chat/completions", body: JSON.stringify(question) });
  expect(asked?.headers.authorization).toBe("Bearer mine");
  expect(calls).toMatchObject([
    { provider: "OpenAICompatible", model: "m", status: 200, input_tokens: 5, output_tokens: 2, stop_reason: "stop" },
  ]);
  expect(calls[0]?.["first_token_ms"]).toBeLessThanOrEqual(calls[0]?.["latency_ms"] as number);
});

it("does the same for Anthropic's form", async () => {
  const events = [
    'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ];
  stream(events);
  const { end, calls } = await ask("/v1/messages", question, { ANTHROPIC_BASE_URL: upstream.url });
  expect(end).toMatchObject({ code: 0, stdout: `200 ${JSON.stringify(events.join(""))}\n`, stderr: "" });
  const [asked] = upstream.asked.splice(0);
  expect([asked?.path, asked?.headers["x-api-key"]]).toEqual(["/v1/messages", "mine"]);
  expect(calls).toMatchObject([
    { provider: "Anthropic", model: "m", input_tokens: 7, output_tokens: 3, stop_reason: "end_turn" },
  ]);
});

it("passes a stream that breaks off on as a broken one, and records that", async () => {
  upstream.respond(({ path }, response) => {
    if (path === "/first-seen") return void response.end();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: {}\n\n", () => response.destroy());
  });
  const { end, calls } = await ask("/chat/completions", question, { OPENAI_BASE_URL: upstream.url });
  expect(end.code).toBe(1); // fetch tells the program of it
  expect(calls).toMatchObject([{ model: "m", error: "the answer was cut" }]);
});

it("records a stream that its program left after the last event as a good call", async () => {
  upstream.respond((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'); // and no end
  });
  await writeFile(
    join(stage.cwd, "leave.mjs"),
    `const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", body: '{"model":"m"}' });
     let text = "";
     for await (const piece of answer.body) if ((text += Buffer.from(piece)).includes("[DONE]")) break;`,
  );
  const env = { OPENAI_BASE_URL: upstream.url, NODE_EXTRA_CA_CERTS: upstream.caFile };
  await stage.start([enchanted, "run", "--quiet", "--no-observe", "--", process.execPath, "leave.mjs"], { env }).ended;
  const [call] = payloads(await stage.lines(), "MODEL_CALL");
  expect(call).toMatchObject({ model: "m", status: 200, stop_reason: "stop" });
  expect(call).not.toHaveProperty("error");
  upstream.asked.splice(0);
});

it("records a request that is too large to be kept", async () => {
  upstream.respond((_, response) => response.end('{"usage":{"prompt_tokens":1,"completion_tokens":2}}'));
  const { calls } = await ask("/chat/completions", "x", { OPENAI_BASE_URL: upstream.url });
  expect(calls).toEqual([]);
  await writeFile(
    join(stage.cwd, "large.mjs"),
    `await (await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", body: JSON.stringify({ model: "m", x: "y".repeat(17 << 20) }) })).text();`,
  );
  const env = { OPENAI_BASE_URL: upstream.url, NODE_EXTRA_CA_CERTS: upstream.caFile };
  await stage.start([enchanted, "run", "--quiet", "--no-observe", "--", process.execPath, "large.mjs"], { env }).ended;
  expect(payloads(await stage.lines(), "MODEL_CALL")).toMatchObject([
    { model: "(the request was not read)", unread: expect.stringContaining("16777216"), status: 200, output_tokens: 2 },
  ]);
  upstream.asked.splice(0);
});

it.each([
  ["gzip", gzipSync, "gunzipSync"],
  ["br", brotliCompressSync, "brotliDecompressSync"],
  ["zstd", zstdCompressSync, "zstdDecompressSync"],
] as const)(
  "passes %s on in both ways as it is, truly labelled, and records what is in it",
  async (coding, code, decode) => {
    const told = Buffer.from(
      '{"model":"m-1","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
    );
    upstream.respond((_, response) =>
      response.writeHead(200, { "content-encoding": coding, "x-request-id": "r-1" }).end(code(told)),
    );
    await writeFile(
      join(stage.cwd, "coded.mjs"),
      `import { request } from "node:http";
     import * as zlib from "node:zlib";
     const body = zlib.${decode.replace("Decompress", "Compress").replace("gunzip", "gzip")}('{"model":"m","max_tokens":7}');
     const headers = { "content-encoding": "${coding}", "content-length": body.length };
     request(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", headers }, async (answer) => {
       const pieces = await answer.toArray();
       console.log(answer.headers["content-encoding"], zlib.${decode}(Buffer.concat(pieces)).toString());
     }).end(body);`,
    );
    const env = { OPENAI_BASE_URL: upstream.url, NODE_EXTRA_CA_CERTS: upstream.caFile };
    const end = await stage.cli(["run", "--no-observe", "--", process.execPath, "coded.mjs"], { env });
    expect(end).toMatchObject({ code: 0, stdout: `${coding} ${told.toString()}\n` });
    expect(upstream.asked.splice(0)[0]?.headers["content-encoding"]).toBe(coding);
    expect(payloads(await stage.lines(), "MODEL_CALL")).toMatchObject([
      { model: "m", model_answered: "m-1", output_limit: 7, input_tokens: 1, output_tokens: 2, request_id: "r-1" },
    ]);
  },
);

it("says of an answer in a coding that it does not know that it was not read", async () => {
  upstream.respond((_, response) => response.writeHead(200, { "content-encoding": "compress" }).end("?"));
  const { end, calls } = await ask("/chat/completions", { model: "m" }, { OPENAI_BASE_URL: upstream.url });
  expect(end).toMatchObject({ code: 0, stdout: '200 "?"\n' });
  expect(calls).toMatchObject([{ model: "m", status: 200, unread: expect.stringContaining('"compress"') }]);
  upstream.asked.splice(0);
});

it.each(["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])(
  "trusts the CA that %s names, as the program does",
  async (variable) => {
    upstream.respond((_, response) => response.end("{}"));
    const env = { OPENAI_BASE_URL: upstream.url, NODE_EXTRA_CA_CERTS: "", [variable]: upstream.caFile };
    const { end } = await ask("/chat/completions", { ...question, stream: false }, env);
    expect(end).toMatchObject({ code: 0, stdout: '200 "{}"\n' });
    upstream.asked.splice(0);
  },
);

it.each(["http_proxy", "ALL_PROXY"])(
  "is asked directly by a program behind a proxy, and asks by %s itself",
  async (name) => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.end("{}");
    });
    const port = await listen(proxy, { host: "127.0.0.1", port: 0 });
    const script =
      'echo "$NO_PROXY $no_proxy"; curl -s --max-time 20 -d \'{"model":"m"}\' "$OPENAI_BASE_URL/chat/completions"';
    const env = {
      [name]: `http://127.0.0.1:${port}`,
      OPENAI_BASE_URL: "http://model.test/v1",
      no_proxy: "a.test",
      NO_PROXY: "",
    };
    const end = await stage.start([enchanted, "run", "--quiet", "--no-observe", "--", "bash", "-c", script], { env })
      .ended;
    proxy.close();
    expect(end).toMatchObject({ code: 0, stdout: "a.test,127.0.0.1 a.test,127.0.0.1\n{}", stderr: "" });
    expect(asked).toEqual(["http://model.test/v1/chat/completions"]);
    expect(payloads(await stage.lines(), "MODEL_CALL")).toMatchObject([{ model: "m", status: 200 }]);
  },
);

it("does not trust a certificate of another CA, and says which variable names one", async () => {
  const { end, calls } = await ask("/chat/completions", question, {
    OPENAI_BASE_URL: upstream.url,
    NODE_EXTRA_CA_CERTS: "",
  });
  expect(end).toMatchObject({ code: 0, stdout: expect.stringMatching(/^502 .*cannot be reached.*SSL_CERT_FILE/) });
  expect(end.stdout).not.toContain("--use-system-ca");
  expect(calls).toMatchObject([{ model: "m", status: 0 }]);
});

/** Asks as an instrumented program does: with a span of its own, that its request names and that it tells over OTLP. */
const tellingItself = `
const trace = "ab".repeat(16), chat = "cd".repeat(8), http = "ef".repeat(8);
const known = process.argv[2];
const named = known === "traceparent" ? { traceparent: "00-" + trace + "-" + http + "-01" } : {};
const headers = { "content-type": "application/json", ...named };
const body = JSON.stringify({ model: "m", messages: [] });
await (await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", headers, body })).text();
const attributes = (values) => Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
const span = (spanId, parentSpanId, name, values) => ({
  traceId: trace, spanId, parentSpanId, name, startTimeUnixNano: "1", endTimeUnixNano: "2", attributes: attributes(values),
});
const spans = [
  span(http, chat, "POST", { "http.request.method": "POST" }),
  span(chat, "12".repeat(8), "chat m", {
    "gen_ai.operation.name": "chat", "gen_ai.request.model": "m",
    ...(known === "answer" ? { "gen_ai.response.id": "r-1" } : {}),
  }),
];
const answer = await fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT + "/v1/traces", {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
});
console.log(answer.status);
`;

it.each([
  ["traceparent", "the span that its request names"],
  ["answer", "the answer's id"],
])("is one MODEL_CALL where the program's own telemetry tells it too, known by %s: %s", async (known) => {
  upstream.respond((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: "r-1", choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } }));
  });
  await writeFile(join(stage.cwd, "tell.mjs"), tellingItself);
  const env = { NODE_EXTRA_CA_CERTS: upstream.caFile, OPENAI_BASE_URL: `${upstream.url}/v1` };
  const end = await stage.cli(["run", "--no-observe", "--", process.execPath, "tell.mjs", known], { env });
  expect(end).toMatchObject({ code: 0, stdout: "200\n" });
  upstream.asked.splice(0);
  const lines = await stage.lines();
  expect(payloads(lines, "MODEL_CALL")).toHaveLength(1);
  const call = lines.find(({ event_type: type }) => type === "MODEL_CALL");
  expect(call?.["event_id"]).toEqual(expect.any(String));
  expect(payloads(lines, "CHAT")).toMatchObject([{ observes: call?.["event_id"], model: "m" }]);
});

it("records a call before whatever its program tells once it has the answer, by whichever way", async () => {
  upstream.respond((_, response) => response.end('{"id":"r","model":"m"}'));
  await writeFile(
    join(stage.cwd, "agent.mjs"),
    `import { once } from "node:events";
import { connect } from "node:net";
import { writeSync } from "node:fs";
const ask = () => fetch(process.env.OPENAI_BASE_URL + "/chat/completions", { method: "POST", body: '{"model":"m"}' }).then((a) => a.text());
const thought = (text) => JSON.stringify({ event_type: "THOUGHT", text }) + "\\n";
await ask();
writeSync(3, thought("by the descriptor"));
const socket = connect(process.env.ENCHANTED_SOCKET);
await once(socket, "connect");
await ask();
socket.write(thought("by the socket"));
await once(socket, "data");
socket.destroy();
`,
  );
  const env = { NODE_EXTRA_CA_CERTS: upstream.caFile, OPENAI_BASE_URL: upstream.url };
  expect((await stage.cli(["run", "--no-observe", "--", process.execPath, "agent.mjs"], { env })).code).toBe(0);
  const told = (await stage.lines()).map(({ event_type }) => event_type);
  expect(told.filter((type) => type !== "LIFECYCLE")).toEqual(["MODEL_CALL", "THOUGHT", "MODEL_CALL", "THOUGHT"]);
});
