import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  exportLogs,
  getBlobMethod,
  putBlobMethod,
  tailMethod,
  type GrpcMethod,
} from "#nervous-system/comms/grpc/methods.ts";
import { GetBlobRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { sayMessage } from "./half-call.ts";

/** The scribe's ways in, as a pod finds them. */
type Ways = {
  /** Of a port on loopback by its name. */
  portOf(name: "SERVICE" | "OTLP" | "OTLP_HTTP" | "PROXY" | "MODEL"): number;
  socket(): string;
  /** Digest of a blob of some MiB. */
  largeBlob: string;
};

/** What holds a scribe's memory, by name; each presses when it is called, and goes on until it is let go of. */
export type Presses = { all: ReadonlyArray<[string, () => void]>; letGo(): void };

const MIB = 1024 * 1024;
const line = `${JSON.stringify({ event_type: "THOUGHT", payload: { text: "a" } })}\n`;

/** Creates them; of each kind there are `share` of as many as a scribe was once killed by. */
export const createPresses = (ways: Ways, share = 1): Presses => {
  const times = (count: number, act: () => void): void => {
    for (let n = 0; n < count * share; n += 1) act();
  };
  const held: Array<Socket | ClientHttp2Session> = [];
  const hold = <T extends Socket | ClientHttp2Session>(one: T): T => {
    one.on("error", () => undefined);
    held.push(one);
    return one;
  };
  const openSession = (name: "SERVICE" | "OTLP"): ClientHttp2Session =>
    hold(connectHttp2(`http://127.0.0.1:${ways.portOf(name)}`));

  /** Begins a call with a message of `bytes` on each of `streams` of a connection, and sends all but its last byte. */
  const halfSay = (name: "SERVICE" | "OTLP", method: GrpcMethod, bytes: number, streams: number): void => {
    const session = openSession(name);
    times(streams, () => void sayMessage(session, method.path, bytes, 1));
  };
  const halfPost = (name: "OTLP_HTTP" | "MODEL", to: string, bytes: number): void => {
    const socket = hold(connect(ways.portOf(name), "127.0.0.1")).resume();
    const type = "content-type: application/json";
    socket.write(`POST ${to} HTTP/1.1\r\nhost: x\r\n${type}\r\ncontent-length: ${bytes}\r\n\r\n`);
    socket.write(Buffer.alloc(bytes - 1, " "));
  };
  const halfConnect = (): void => {
    const socket = hold(connect(ways.portOf("PROXY"), "127.0.0.1")).resume();
    socket.write(`CONNECT a.example:443 HTTP/1.1\r\nhost: ${"x".repeat(16_000)}`);
  };
  const halfLine = (bytes: number, opener = ""): void => {
    const socket = hold(connect(ways.socket())).resume();
    socket.write(opener);
    socket.write(Buffer.alloc(bytes, "x"));
  };
  /** Asks for a large blob on each of `streams` of a connection, and reads none of it. */
  const askAndNotRead = (streams: number): void => {
    const session = openSession("SERVICE");
    const request = Buffer.from(
      toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest: ways.largeBlob })),
    );
    const head = Buffer.alloc(5);
    head.writeUInt32BE(request.length, 1);
    const type = { "content-type": "application/grpc", te: "trailers" };
    const headers = { ":method": "POST", ":path": getBlobMethod.path, ...type };
    times(streams, () => {
      const stream = session.request(headers).on("error", () => undefined);
      stream.end(Buffer.concat([head, request]));
    });
  };
  /** Says much that is whole and small, and reads no answer. */
  const flood = (opener: string, said: Buffer): void => {
    const socket = hold(connect(ways.socket()));
    socket.write(opener);
    socket.write(said);
  };
  return {
    all: [
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
      ["thousands of small frames", () => times(60, () => flood("", Buffer.alloc(256 * 1024, line)))],
      ["unfinished requests for tunnels", () => times(2000, halfConnect)],
      [
        "prompts for a gateway that does not answer",
        () => times(100, () => halfPost("MODEL", "/openai/v1/chat/completions", 16 * MIB)),
      ],
    ],
    letGo: () => {
      for (const one of held.splice(0)) one.destroy();
    },
  };
};
