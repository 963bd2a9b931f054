import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import {
  exportLogs,
  getBlobMethod,
  putBlobMethod,
  tailMethod,
  type GrpcMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { freePort } from "#platform/process/ports.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { GetBlobRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { largeBlob } from "./collector-peer.ts";
import { sayMessage } from "#test/builders/half-call.ts";
import { imageEnvironment } from "./image-environment.ts";
import { sceneForEachTest } from "./scene.ts";
import { connectWriter, thought } from "./stage.ts";

jest.setTimeout(120_000);

const scene = sceneForEachTest({
  ...(await imageEnvironment()),
  ENCHANTED_PROXY_PORT: String(await freePort()),
});

// The container has 160, of which the kernel takes a part.
const LIMIT_MIB = 150;
const MIB = 1024 * 1024;
const portOf = (name: string): number => Number(scene.pod.env[`ENCHANTED_${name}_PORT`]);

/** What is held open, to be let go of when a test is over. */
const held: Array<Socket | ClientHttp2Session> = [];
afterEach(() => {
  for (const one of held.splice(0)) one.destroy();
});

/** Begins a call with a message of `bytes` on each of `streams` of a connection, and sends all but its last bytes. */
const halfSay = (name: string, { path }: GrpcMethod, bytes: number, streams: number): void => {
  const session = connectHttp2(`http://127.0.0.1:${portOf(name)}`);
  session.on("error", () => undefined);
  held.push(session);
  for (let n = 0; n < streams; n += 1) sayMessage(session, path, bytes, 1);
};

const halfPost = (name: string, path: string, bytes: number): void => {
  const socket = connect(portOf(name), "127.0.0.1");
  socket.on("error", () => undefined).resume();
  held.push(socket);
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(bytes - 1, " "));
};

const halfConnect = (): void => {
  const socket = connect(portOf("PROXY"), "127.0.0.1");
  socket.on("error", () => undefined).resume();
  held.push(socket);
  socket.write(`CONNECT a.example:443 HTTP/1.1\r\nhost: ${"x".repeat(16_000)}`);
};

const halfLine = (bytes: number, opener = ""): void => {
  const socket = connect(scene.pod.socket);
  socket.on("error", () => undefined).resume();
  held.push(socket);
  socket.write(opener);
  socket.write(Buffer.alloc(bytes, "x"));
};

/** Asks for a large blob on each of `streams` of a connection, and reads none of it. */
const askAndNotRead = (streams: number): void => {
  const session = connectHttp2(`http://127.0.0.1:${portOf("SERVICE")}`);
  session.on("error", () => undefined);
  held.push(session);
  const request = Buffer.from(toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest: largeBlob })));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(request.length, 1);
  for (let n = 0; n < streams; n += 1) {
    const { path } = getBlobMethod;
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    session
      .request(headers)
      .on("error", () => undefined)
      .end(Buffer.concat([head, request]));
  }
};

/** Says much that is whole and small, and reads no answer. */
const flood = (opener: string, said: Buffer): void => {
  const socket = connect(scene.pod.socket);
  socket.on("error", () => undefined);
  held.push(socket);
  socket.write(opener);
  socket.write(said);
};

const ownMemory = async (): Promise<number> => {
  const status = await readFile(`/proc/${scene.scribe.process.pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
};

const times = (count: number, act: () => void): void => {
  for (let n = 0; n < count; n += 1) act();
};

const presses: ReadonlyArray<[string, () => void]> = [
  ["unfinished blobs on the service port", () => times(32, () => halfSay("SERVICE", putBlobMethod, MIB, 8))],
  ["unfinished blobs of 16 MiB", () => times(8, () => halfSay("SERVICE", putBlobMethod, 16 * MIB, 1))],
  ["unfinished questions", () => times(32, () => halfSay("SERVICE", tailMethod, MIB, 8))],
  ["unfinished exports over gRPC", () => times(32, () => halfSay("OTLP", exportLogs, 4 * MIB, 8))],
  ["unfinished exports over HTTP", () => times(100, () => halfPost("OTLP_HTTP", "/v1/logs", 4 * MIB))],
  ["unfinished lines", () => times(127, () => halfLine(250_000))],
  ["unfinished messages of protobuf", () => times(127, () => halfLine(250_000, "\0\x80\x80\x10"))],
  ["answers that nobody reads", () => times(32, () => askAndNotRead(8))],
  ["thousands of empty messages at once", () => times(60, () => flood("\0", Buffer.alloc(64 * 1024)))],
  ["thousands of lines that are none", () => times(60, () => flood("", Buffer.alloc(64 * 1024, "1\n")))],
  ["thousands of small frames", () => times(60, () => flood("", Buffer.alloc(256 * 1024, thought("a"))))],
  ["unfinished requests for tunnels", () => times(2_000, halfConnect)],
  [
    "prompts for a gateway that does not answer",
    () => times(100, () => halfPost("MODEL", "/openai/v1/chat/completions", 16 * MIB)),
  ],
];

describe("a pod that presses on the scribe", () => {
  it.each([...presses, ["all of that at once", () => presses.forEach(([, press]) => press())] as const])(
    "with %s takes no more memory than there is",
    async (_, press) => {
      await scene.startScribe();
      const writer = await connectWriter(scene.pod.socket);
      press();
      let peak = 0;
      for (let n = 0; n < 100; n += 1) {
        peak = Math.max(peak, await ownMemory());
        await new Promise((go) => setTimeout(go, 20));
      }
      writer.write(thought("still here"));
      await writer.answered(1);
      writer.socket.destroy();
      expect(peak).toBeLessThan(LIMIT_MIB);
    },
  );
});
