import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { listen } from "#nervous-system/comms/socket/listen.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { renderSocketFrame } from "#test/builders/socket-frame.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import { createCleanup, temporaryDirectory } from "#test/integration/pipeline/bus-harness.ts";
import { createJournal } from "#test/model-server/journal.ts";
import { parseScenario } from "#test/model-server/scenario.ts";
import { createScenarioServer } from "#test/model-server/server.ts";
import { payloads, setCliStage, type CliStage } from "./cli-stage.ts";

jest.setTimeout(120_000);

const scenario = parseScenario(
  `
name: talk
description: two turns
steps:
  - answer: { text: "héllo ${"x".repeat(70_000)}", tools: [{ name: look, arguments: { at: it } }] }
  - answer: { text: bye }
`,
  "talk.yaml",
);

const cleanup = createCleanup();
const journal = createJournal();
let model: Server;
let caFile: string;
let base: string;
let secureBase: string;
beforeAll(async () => {
  const identity = await serverIdentity(await temporaryDirectory(cleanup), "provider", ["IP:127.0.0.1"]);
  model = createScenarioServer({ scenarios: new Map([["talk", scenario]]), journal, clock: systemClock() });
  const secure = createTlsServer({ cert: identity.cert, key: identity.key })
    .on("request", (request, response) => model.emit("request", request, response))
    .on("upgrade", (request, socket, head) => model.emit("upgrade", request, socket, head));
  caFile = identity.caFile;
  base = `http://127.0.0.1:${await listen(model, { host: "127.0.0.1", port: 0 })}`;
  secureBase = `https://127.0.0.1:${await listen(secure, { host: "127.0.0.1", port: 0 })}`;
  cleanup.add(() => {
    for (const server of [model, secure]) {
      server.closeAllConnections();
      server.close();
    }
  });
});
afterAll(() => cleanup.run());

let stage: CliStage;
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

const runProgram = async (text: string, env: Record<string, string>, name = "program.mjs") => {
  await writeFile(join(stage.cwd, name), text);
  await chmod(join(stage.cwd, name), 0o755);
  const command = name.endsWith(".mjs") ? [process.execPath, name] : [`./${name}`, "exec"];
  const end = await stage.cli(["run", "--no-observe", "--", ...command], {
    env: { HOME: stage.cwd, NODE_EXTRA_CA_CERTS: caFile, ...env },
  });
  return { end, calls: payloads(await stage.lines(), "MODEL_CALL") };
};

/** A server that takes a WebSocket and then does as it is told. */
const socketServer = async (onSocket: (socket: Duplex) => void): Promise<string> => {
  const server = createServer((_, response) => response.writeHead(400).end()).on("upgrade", (_, socket) => {
    socket.on("error", () => undefined);
    onSocket(socket);
  });
  const port = await listen(server, { host: "127.0.0.1", port: 0 });
  cleanup.add(() => void server.close());
  return `http://127.0.0.1:${port}`;
};

/** Two responses over one socket, the second going on from the first, as codex asks; prints what it heard. */
const talking = `
const socket = new WebSocket(process.env.OPENAI_BASE_URL.replace("http", "ws") + "/responses");
const ask = (more) => socket.send(JSON.stringify({ type: "response.create", model: "talk", ...more }));
const user = { type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] };
const texts = [];
socket.onopen = () => ask({ input: [user] });
socket.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.type !== "response.completed") return;
  const { id, output } = event.response;
  texts.push(output[0].content[0].text);
  if (texts.length === 2) return socket.close();
  ask({ previous_response_id: id, input: [{ type: "function_call_output", call_id: output[1].call_id, output: "seen" }] });
};
socket.onclose = ({ wasClean }) => console.log(JSON.stringify([wasClean, texts.map((text) => [text.slice(0, 5), text.length])]));
socket.onerror = () => console.log("error");
`;

describe("a WebSocket of OpenAI's responses", () => {
  it.each(["http", "https"])(
    "passes through to a provider over %s, and each of its answers is recorded",
    async (scheme) => {
      journal.reset();
      const { end, calls } = await runProgram(talking, { OPENAI_BASE_URL: scheme === "http" ? base : secureBase });
      expect(end).toEqual({ code: 0, signal: null, stdout: '[true,[["héllo",70006],["bye",3]]]\n', stderr: "" });
      expect(journal.state()).toMatchObject({ requests: 2, failures: [] });
      const common = { provider: "OpenAICompatible", model: "talk", status: 101, input_tokens: expect.any(Number) };
      expect(calls).toMatchObject([
        { ...common, stop_reason: "completed", tools_called: ["look"] },
        { ...common, stop_reason: "completed", output_tokens: expect.any(Number) },
      ]);
      expect(calls.every((call) => (call["context_window"] as string[]).length === 1)).toBe(true);
    },
  );

  it("that its provider does not have is refused at once as the provider does, and nothing is recorded", async () => {
    const refusing = await socketServer((socket) =>
      socket.end("HTTP/1.1 426 Upgrade Required\r\nx-why: http\r\ncontent-length: 4\r\n\r\nhttp"),
    );
    const asking = `
      import { request } from "node:http";
      const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" };
      request(process.env.OPENAI_BASE_URL + "/responses", { headers }).on("response", async (response) => {
        let text = "";
        for await (const piece of response) text += piece;
        console.log(response.statusCode, response.headers["x-why"], text);
      }).end();`;
    const { end, calls } = await runProgram(asking, { OPENAI_BASE_URL: refusing });
    expect(end).toMatchObject({ code: 0, stdout: "426 http http\n" });
    expect(calls).toEqual([]);
    const unreachable = await runProgram(asking, { OPENAI_BASE_URL: "http://127.0.0.1:1" });
    expect(unreachable.end.stdout).toMatch(/^502 .*cannot be reached/);
  });

  const asked = renderSocketFrame({
    opcode: 1,
    mask: 7,
    body: Buffer.from('{"type":"response.create","model":"m","input":[]}'),
  });

  /** Asks over a socket of its own making; `then` is done when the first event has come, with `socket`. */
  const askingOnce = (then: string) => `
    import { request } from "node:http";
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13" };
    request(process.env.OPENAI_BASE_URL + "/responses", { headers }).on("upgrade", (_, socket) => {
      socket.write(Buffer.from("${asked.toString("base64")}", "base64"));
      socket.on("error", () => {}).on("close", () => console.log("closed")).once("data", () => { ${then} });
    }).end();`;

  it.each([
    ["its provider cuts", (socket: Duplex) => void socket.destroy(), "socket.resume()", "the connection was closed"],
    ["its program leaves", () => undefined, 'console.log("closed"); process.exit()', "the program hung up"],
  ])("that %s in the middle of an answer is recorded as a failure", async (_, afterFirst, then, error) => {
    const accept = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n";
    const cutting = await socketServer((socket) => {
      socket.write(`${accept}sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`);
      const event = JSON.stringify({ type: "response.created", response: { status: "in_progress", model: "m-1" } });
      socket.once("data", () => {
        socket.write(renderSocketFrame({ opcode: 1, body: Buffer.from(event) }), () => afterFirst(socket));
      });
    });
    const { end, calls } = await runProgram(askingOnce(then), { OPENAI_BASE_URL: cutting });
    expect(end).toMatchObject({ code: 0, stdout: "closed\n" });
    expect(calls).toMatchObject([{ model: "m", model_answered: "m-1", status: 101, error }]);
  });
});

describe("Gemini's protocol", () => {
  const asking = `
    const base = process.env.GOOGLE_GEMINI_BASE_URL + "/v1beta/models/talk:";
    const body = JSON.stringify({ contents: [{ role: "user", parts: [{ text: "hi" }] }] });
    for (const method of ["streamGenerateContent?alt=sse", "streamGenerateContent", "generateContent", "countTokens"]) {
      const answer = await fetch(base + method, { method: "POST", headers: { "x-goog-api-key": "mine" }, body });
      console.log(answer.status, (await answer.text()).includes("héllo"));
    }`;

  it("passes to the base URL that was set, and its calls are recorded", async () => {
    const { end, calls } = await runProgram(asking, { GOOGLE_GEMINI_BASE_URL: base });
    expect(end).toMatchObject({ code: 0, stdout: "200 true\n200 true\n200 true\n404 false\n", stderr: "" });
    const told = { provider: "Gemini", model: "talk", status: 200, stop_reason: "STOP", tools_called: ["look"] };
    expect(calls).toMatchObject(Array.from({ length: 3 }, () => ({ ...told, input_tokens: expect.any(Number) })));
    expect(calls).toHaveLength(3);
  });

  it("is left alone, and it says so, where gemini-cli would not start with another address", async () => {
    const print = "console.log(process.env.GOOGLE_GEMINI_BASE_URL)";
    const { end } = await runProgram(print, { GEMINI_API_KEY: "k" });
    expect(end).toMatchObject({ stdout: "undefined\n", stderr: expect.stringContaining("security.auth.selectedType") });
    await mkdir(join(stage.cwd, ".gemini"));
    await writeFile(
      join(stage.cwd, ".gemini/settings.json"),
      '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }',
    );
    const chosen = await runProgram(print, { GEMINI_API_KEY: "k" });
    expect(chosen.end).toMatchObject({ stdout: expect.stringMatching(/^http:.*\/gemini\n$/), stderr: "" });
  });
});

describe("codex", () => {
  const codex = `#!/usr/bin/env node
    const [option, setting, ...rest] = process.argv.slice(2);
    const [, name, url] = /^(.*)="(.*)"$/.exec(setting) ?? [];
    const body = JSON.stringify({ model: "talk", input: "hi" });
    const answer = await fetch(url + "/responses", { method: "POST", body });
    await answer.text();
    console.log(option, name, rest.join(" "), answer.status);`;
  const settings = async (text: string): Promise<void> => {
    await mkdir(join(stage.cwd, ".codex"), { recursive: true });
    await writeFile(join(stage.cwd, ".codex/config.toml"), text);
  };

  it.each([
    ["openai_base_url", () => `openai_base_url = "${base}/v1"`],
    ["model_providers.mine.base_url", () => `model_provider = "mine"\n[model_providers.mine]\nbase_url = "${base}/v1"`],
  ])("gets the port as its setting %s, which leads to where its file leads", async (name, text) => {
    await settings(text());
    const { end, calls } = await runProgram(codex, {}, "codex");
    expect(end).toMatchObject({ stdout: `-c ${name} exec 200\n`, stderr: "" });
    expect(calls).toMatchObject([{ provider: "OpenAICompatible", model: "talk", status: 200 }]);
  });

  it("keeps its arguments, and it says so, where its address cannot be told", async () => {
    await settings('profile = "p"');
    const { end } = await runProgram("#!/usr/bin/env node\nconsole.log(process.argv.slice(2).join(' '))", {}, "codex");
    expect(end).toMatchObject({ stdout: "exec\n", stderr: expect.stringContaining("profile chooses its provider") });
  });
});
