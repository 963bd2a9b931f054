import { connect } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { decodeExportResponse } from "#nervous-system/codecs/otlp/status.ts";
import { WireError } from "#nervous-system/codecs/otlp/wire.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { startOtlpHttpServer, type OtlpHttpServer } from "./otlp-server.ts";
import type { OtlpCall, TakeExport } from "#nervous-system/comms/grpc/otlp-service.ts";

const MAX = 64 * 1024;
let server: OtlpHttpServer;
let failures: unknown[];
let taken: Array<{ kind: string; body: Buffer; call: OtlpCall }>;

const start = async (answer: TakeExport = () => Promise.resolve(undefined)): Promise<void> => {
  failures = [];
  taken = [];
  const taking =
    (kind: string): TakeExport =>
    (body, call) => {
      taken.push({ kind, body, call });
      return answer(body, call);
    };
  server = await startOtlpHttpServer({
    address: "127.0.0.1:0",
    receiver: { logs: taking("logs"), traces: taking("traces"), metrics: taking("metrics") },
    maxBodyBytes: MAX,
    onError: (_, error) => failures.push(error),
    clock: systemClock(),
  });
};
afterEach(() => server.close(0));

type Sent = { path?: string; method?: string; type?: string; body?: Buffer; headers?: Record<string, string> };

const post = ({ path = "/v1/logs", method = "POST", type = "application/x-protobuf", body, headers }: Sent) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { "content-type": type, ...headers },
    ...(method === "GET" ? {} : { body: new Uint8Array(body ?? Buffer.from("x")) }),
  });

describe("OTLP over HTTP", () => {
  it("takes each kind at its path, in both encodings, with the caller's token and headers", async () => {
    await start();
    for (const kind of ["logs", "traces", "metrics"]) {
      const headers = { authorization: "Bearer t1", "enchanted-namespace": "team-a" };
      const answer = await post({ path: `/v1/${kind}`, body: Buffer.from(kind), headers });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-protobuf"]);
      expect((await answer.arrayBuffer()).byteLength).toBe(0);
    }
    expect(taken.map(({ kind, body }) => [kind, String(body)])).toEqual(
      ["logs", "traces", "metrics"].map((kind) => [kind, kind]),
    );
    const { call } = taken[0]!;
    expect([call.token, call.metadata("enchanted-namespace"), call.encoding]).toEqual(["t1", "team-a", "protobuf"]);
    const json = await post({ type: "application/json; charset=utf-8", body: Buffer.from("{}") });
    expect([json.status, await json.text(), taken.at(-1)?.call.encoding]).toEqual([200, "{}", "json"]);
  });

  it("tells partial success in the encoding of the request", async () => {
    await start(() => Promise.resolve({ rejected: 2, message: "why" }));
    const binary = Buffer.from(await (await post({})).arrayBuffer());
    expect(decodeExportResponse(binary)).toEqual({ rejected: 2, message: "why" });
    const json = await (await post({ path: "/v1/traces", type: "application/json" })).json();
    expect(json).toEqual({ partialSuccess: { rejectedSpans: "2", errorMessage: "why" } });
  });

  it("unpacks gzip up to its bound, measured by what comes out", async () => {
    await start();
    const headers = { "content-encoding": "gzip" };
    const whole = Buffer.alloc(MAX, 1);
    expect((await post({ body: gzipSync(whole), headers })).status).toBe(200);
    expect(taken[0]?.body.equals(whole)).toBe(true);
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const refused = await post({ body: bomb, headers });
    expect([refused.status, bomb.length < 1024 * 1024]).toEqual([413, true]);
    expect(taken).toHaveLength(1);
    expect((await post({ body: Buffer.from("no gzip"), headers })).status).toBe(400);
    expect((await post({ body: gzipSync(whole).subarray(0, 40), headers })).status).toBe(400);
    expect((await post({ headers: { "content-encoding": "compress" } })).status).toBe(415);
    expect(failures).toEqual([]);
  });

  it.each([
    ["br", brotliCompressSync],
    ["zstd", zstdCompressSync],
    ["deflate", deflateSync],
  ] as const)("unpacks %s, and refuses what is none or was cut", async (coding, code) => {
    await start();
    const headers = { "content-encoding": coding };
    const whole = Buffer.alloc(MAX, 1);
    expect((await post({ body: code(whole), headers })).status).toBe(200);
    expect(taken[0]?.body.equals(whole)).toBe(true);
    expect((await post({ body: code(Buffer.alloc(MAX + 1)), headers })).status).toBe(413);
    expect((await post({ body: Buffer.from("none of it"), headers })).status).toBe(400);
    expect((await post({ body: code(whole).subarray(0, 8), headers })).status).toBe(400);
    expect(failures).toEqual([]);
  });

  const wrong: ReadonlyArray<[string, Sent, number]> = [
    ["another path", { path: "/v1/profiles" }, 404],
    ["a member of Object", { path: "/constructor" }, 404],
    ["another method", { method: "GET" }, 405],
    ["another content type", { type: "text/plain" }, 415],
    ["a body that is too large", { body: Buffer.alloc(MAX + 1) }, 413],
  ];
  it.each(wrong)("refuses %s", async (_, sent, status) => {
    await start();
    expect((await post(sent)).status).toBe(status);
    expect(taken).toEqual([]);
  });

  it("refuses a body that says nothing of its length once it is too large", async () => {
    await start();
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024)) });
    const sent = fetch(`http://127.0.0.1:${server.port}/v1/logs`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: endless,
      duplex: "half",
    });
    expect((await sent).status).toBe(413);
    expect(taken).toEqual([]);
  });

  const refusals: ReadonlyArray<[string, Error, number, string | null]> = [
    ["try again", new GrpcFailure(grpcStatus.unavailable, "later", 1500), 503, "2"],
    ["not this way", new GrpcFailure(grpcStatus.invalidArgument, "bad"), 400, null],
    ["who are you", new GrpcFailure(grpcStatus.unauthenticated, "no token"), 401, null],
    ["not you", new GrpcFailure(grpcStatus.permissionDenied, "no right"), 403, null],
    ["too much", new GrpcFailure(grpcStatus.resourceExhausted, "quota", 1), 429, "1"],
    ["malformed", new WireError("truncated", 3), 400, null],
  ];
  it.each(refusals)("tells %s by status, body and Retry-After", async (_, error, status, retry) => {
    await start(() => Promise.reject(error));
    const answer = await post({ type: "application/json" });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, retry]);
    expect(await answer.json()).toMatchObject({
      code: expect.any(Number),
      message: expect.stringContaining(error.message),
    });
    expect(failures).toEqual([]);
  });

  it("keeps what broke to its own log", async () => {
    await start(() => Promise.reject(new Error("secret detail")));
    const answer = await post({ type: "application/json" });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret detail");
    expect(failures).toHaveLength(1);
  });

  it("lives on when a client hangs up in the middle of its body", async () => {
    await start();
    const socket = connect(server.port, "127.0.0.1");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(
      "POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\nabc",
    );
    socket.end();
    socket.resume();
    await closed;
    expect((await post({})).status).toBe(200);
    expect(failures).toEqual([]);
  });
});
