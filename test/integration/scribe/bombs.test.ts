import { readFile } from "node:fs/promises";
import { describe, expect, it, jest } from "@jest/globals";
import { imageEnvironment } from "./image-environment.ts";
import { sceneForFile } from "./scene.ts";
import { connectWriter, thought } from "./stage.ts";

jest.setTimeout(60_000);

const scene = sceneForFile(imageEnvironment);

const LIMIT_MIB = 96;
const WORDS = 1_300_000; // of three bytes: nearly the 4 MiB that a request may have

/** A field of protobuf that holds `content`. */
const field = (number: number, content: Buffer): Buffer => {
  const length = [0, 7, 14, 21].map((shift) => ((content.length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
};
const manyEmpty = (number: number): Buffer => Buffer.alloc(4_000_000, Buffer.from([(number << 3) | 2, 0]));
const json = (text: string): readonly [type: string, body: string] => ["application/json", text];
const wire = (content: Buffer): readonly [type: string, body: Buffer] => [
  "application/x-protobuf",
  field(1, field(2, content)),
];

const bombs: ReadonlyArray<[string, string, readonly [string, string | Buffer]]> = [
  ["records", "logs", json(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${"{},".repeat(WORDS)}{}]}]}]}`)],
  ["lists that nobody reads", "logs", json(`{"resourceLogs":[{"x":[${"[],".repeat(WORDS)}0]}]}`)],
  ["spans", "traces", json(`{"resourceSpans":[{"scopeSpans":[{"spans":[${"{},".repeat(WORDS)}{}]}]}]}`)],
  ["records in protobuf", "logs", wire(manyEmpty(2))],
  ["attributes in protobuf", "logs", wire(field(2, manyEmpty(6)))],
  ["spans in protobuf", "traces", wire(manyEmpty(2))],
  ["events in protobuf", "traces", wire(field(2, manyEmpty(11)))],
];

describe("a request of few bytes that would unfold to much memory", () => {
  it.each(bombs)("of %s is refused, and the scribe goes on", async (_name, signal, [type, body]) => {
    const url = `http://127.0.0.1:${scene.pod.env["ENCHANTED_OTLP_HTTP_PORT"]}/v1/${signal}`;
    const send = async (): Promise<[number, string]> => {
      const response = await fetch(url, { method: "POST", body, headers: { "content-type": type } });
      return [response.status, await response.text()];
    };
    for (const [status, text] of await Promise.all([send(), send(), send()])) {
      expect(status).toBe(400);
      expect(text).toMatch(/more than \d+ values in a request of \d+ bytes; send smaller batches/);
    }
    const writer = await connectWriter(scene.pod.socket);
    writer.write(thought("still here"));
    await writer.answered(1);
    writer.socket.destroy();
    const status = await readFile(`/proc/${scene.scribe.process.pid}/status`, "utf8");
    expect(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024).toBeLessThan(LIMIT_MIB);
  });
});
