import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { describe, expect, it, jest } from "@jest/globals";
import { imageEnvironment } from "./image-environment.ts";
import { sceneForFile } from "./scene.ts";
import { connectWriter, thought, until } from "./stage.ts";
import { sendInTinyFrames } from "./tiny-frames.ts";

jest.setTimeout(60_000);

const scene = sceneForFile(imageEnvironment);

const LIMIT_MIB = 96;
const WORDS = 1_300_000; // of three bytes: nearly the 4 MiB that a request may have

type Body = readonly [type: string, body: string | Buffer];

/** A field of protobuf that holds `content`. */
const field = (number: number, content: Buffer): Buffer => {
  const length = [0, 7, 14, 21].map((shift) => ((content.length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
};
const manyEmpty = (number: number): Buffer => Buffer.alloc(4_000_000, Buffer.from([(number << 3) | 2, 0]));
const json = (text: string): Body => ["application/json", text];
const wire = (content: Buffer): Body => ["application/x-protobuf", field(1, field(2, content))];

const bombs: ReadonlyArray<[string, string, Body]> = [
  ["records", "logs", json(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${"{},".repeat(WORDS)}{}]}]}]}`)],
  ["lists that nobody reads", "logs", json(`{"resourceLogs":[{"x":[${"[],".repeat(WORDS)}0]}]}`)],
  ["spans", "traces", json(`{"resourceSpans":[{"scopeSpans":[{"spans":[${"{},".repeat(WORDS)}{}]}]}]}`)],
  ["records in protobuf", "logs", wire(manyEmpty(2))],
  ["attributes in protobuf", "logs", wire(field(2, manyEmpty(6)))],
  ["spans in protobuf", "traces", wire(manyEmpty(2))],
  ["events in protobuf", "traces", wire(field(2, manyEmpty(11)))],
];

/** The answers to a request that comes three times at once; without room it comes again, as exporters do. */
const sendThrice = (signal: string, [type, body]: Body): Promise<Array<[status: number, text: string]>> => {
  const url = `http://127.0.0.1:${scene.pod.env["ENCHANTED_OTLP_HTTP_PORT"]}/v1/${signal}`;
  const send = async (): Promise<[number, string]> => {
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": type } });
    const text = await response.text();
    return response.status === 503 ? send() : [response.status, text];
  };
  return Promise.all([send(), send(), send()]);
};

const expectToBeWell = async (): Promise<void> => {
  const writer = await connectWriter(scene.pod.socket);
  writer.write(thought("still here"));
  await writer.answered(1);
  writer.socket.destroy();
  const status = await readFile(`/proc/${scene.scribe.process.pid}/status`, "utf8");
  expect(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024).toBeLessThan(LIMIT_MIB);
};

describe("a request of few bytes that would unfold to much memory", () => {
  it.each(bombs)("of %s is refused, and the scribe goes on", async (_name, signal, body) => {
    for (const [status, text] of await sendThrice(signal, body)) {
      expect(status).toBe(400);
      expect(text).toMatch(/more than \d+ values in a request of \d+ bytes; send smaller batches/);
    }
    await expectToBeWell();
  });
});

const attribute = (key: string, stringValue: string): unknown => ({ key, value: { stringValue } });
const logs = (count: number, said: string, resource: readonly unknown[] = []): Body => {
  const logRecords = Array.from({ length: count }, () => ({ body: { stringValue: said } }));
  return json(JSON.stringify({ resourceLogs: [{ resource: { attributes: resource }, scopeLogs: [{ logRecords }] }] }));
};
const span = (attributes: readonly unknown[], events: readonly unknown[] = []): Body =>
  json(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: "chat", attributes, events }] }] }] }));

const conversation = [
  attribute("gen_ai.operation.name", "chat"),
  attribute("gen_ai.input.messages", `[${"{},".repeat(WORDS)}0]`),
];
const event = { name: "e", attributes: [attribute("payload", `{"a":[${"{},".repeat(250)}0]}`)] };
const manyAttributes = Array.from({ length: 5_000 }, (_, at) => attribute(`k${at}`, "x".repeat(600)));

const unfolding: ReadonlyArray<[string, string, Body, number]> = [
  ["a body that is JSON of a million objects", "logs", logs(1, `{"a":[${"{},".repeat(WORDS)}0]}`), 200],
  ["an attribute that is JSON of a million messages", "traces", span(conversation), 200],
  [
    "four thousand events, each with JSON",
    "traces",
    span(
      [],
      Array.from({ length: 4_000 }, () => event),
    ),
    200,
  ],
  ["300 records of one resource of 200 kB", "logs", logs(300, "x", [attribute("a", "x".repeat(200_000))]), 200],
  ["20 records of one resource of 3 MB", "logs", logs(20, "x", manyAttributes), 200],
  ["5,000 records of one resource of 3 MB", "logs", logs(5_000, "x", manyAttributes), 400],
];

describe("a request whose frames would be much more than itself", () => {
  it.each(unfolding)("such as %s leaves the scribe well", async (_name, signal, body, expected) => {
    const answers = await sendThrice(signal, body);
    expect(answers.map(([status]) => status)).toEqual([expected, expected, expected]);
    await expectToBeWell();
  });
});

/** Sends a body in pieces of one byte, until there is an answer. */
const sendByteByByte = (bytes: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const pieces = Buffer.from("1\r\nx\r\n".repeat(bytes / 100));
    const socket = connect(Number(scene.pod.env["ENCHANTED_OTLP_HTTP_PORT"]), "127.0.0.1");
    socket.once("error", reject);
    socket.once("data", (answer) => {
      resolve(answer.toString("latin1").split("\r\n")[0] ?? "");
      socket.destroy();
    });
    const head = ["POST /v1/logs HTTP/1.1", "host: x", "content-type: application/json", "transfer-encoding: chunked"];
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
    for (let part = 0; part < 100; part += 1) socket.write(pieces);
    socket.write("0\r\n\r\n");
  });

describe("a body in pieces of one byte", () => {
  it("is held as the bytes that it is", async () => {
    expect(await sendByteByByte(1_000_000)).toBe("HTTP/1.1 400 Bad Request");
    await expectToBeWell();
  });
});

describe("thousands of connections that say little and stay", () => {
  it("are closed, but for those that there is room for", async () => {
    const head = "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n";
    const ports = ["OTLP_HTTP", "MODEL", "METRICS"].map((name) => Number(scene.pod.env[`ENCHANTED_${name}_PORT`]));
    const sockets = Array.from({ length: 4_500 }, (_, at) => connect(ports[at % ports.length] ?? 0, "127.0.0.1"));
    const left = new Set(sockets);
    for (const socket of sockets) {
      socket.on("error", () => undefined).once("close", () => left.delete(socket));
      socket.resume().write(`${head}content-type: application/json\r\n\r\n`);
    }
    await until("most are closed", () => left.size <= 32 + 2 * 128);
    await expectToBeWell();
    for (const socket of sockets) socket.destroy();
  });
});

describe("a line of 20,000 names of which redaction leaves the same", () => {
  it("is recorded soon", async () => {
    const names = Array.from({ length: 19_000 }, (_, at) => `"://:${at.toString(36).padStart(3, "0")}@":0`);
    const writer = await connectWriter(scene.pod.socket);
    writer.write(`{"event_type":"THOUGHT",${names.join(",")}}\n`);
    await writer.answered(1);
    expect(writer.answers[0]?.reason ?? "").toMatch(/larger than 262144 bytes/); // what redaction puts there is longer
    writer.socket.destroy();
    await expectToBeWell();
  });
});

describe("gRPC", () => {
  const portOf = (name: string): number => Number(scene.pod.env[name]);

  it("holds a message in pieces of one byte as the bytes that it is", async () => {
    const path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    const socket = await sendInTinyFrames(portOf("ENCHANTED_OTLP_PORT"), path, 700_000);
    await expectToBeWell();
    socket.destroy();
  });

  it.each(["ENCHANTED_OTLP_PORT", "ENCHANTED_SERVICE_PORT"])(
    "closes connections to %s beyond those that there is room for",
    async (name) => {
      const sockets = Array.from({ length: 300 }, () => connect(portOf(name), "127.0.0.1"));
      let closed = 0;
      for (const socket of sockets) socket.on("error", () => undefined).once("close", () => (closed += 1));
      await until("those beyond are closed", () => closed >= 300 - 32);
      for (const socket of sockets) socket.destroy();
      await expectToBeWell();
    },
  );
});
