import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc-client.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc-failure.ts";
import { exportTraces, getBlobMethod, putBlobMethod, tailMethod } from "#nervous-system/comms/grpc-methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import { layOutPod, setStage, startPodScribe, until, type Pod, type Running, type Stage } from "./stage.ts";

jest.setTimeout(60_000);

const limits = { deadlineMs: 20_000 };
let stage: Stage;
let peer: CollectorPeer;
let pod: Pod;
let scribe: Running;
let gateway: Server;
let answer: (incoming: IncomingMessage, response: ServerResponse) => void;

beforeAll(async () => {
  stage = await setStage();
  peer = await startCollectorPeer(stage.tls);
  const tls = { cert: await readFile(stage.tls.certFile), key: await readFile(stage.tls.keyFile) };
  gateway = createServer(tls, (incoming, response) => answer(incoming, response));
  await new Promise<void>((resolve) => gateway.listen(0, "127.0.0.1", resolve));
  const gatewayPort = (gateway.address() as AddressInfo).port;
  pod = await layOutPod(stage, "pod", peer.port, { ENCHANTED_GATEWAY: `127.0.0.1:${gatewayPort}` });
  scribe = await startPodScribe(stage, pod);
});
afterAll(async () => {
  scribe.process.kill("SIGKILL");
  await scribe.ended;
  gateway.closeAllConnections();
  gateway.close();
  await peer.close();
  await stage.remove();
});

const clientOf = (variable: string): GrpcClient =>
  createGrpcClient({ address: `127.0.0.1:${pod.env[variable]}`, clock: systemClock() });

describe("the service port", () => {
  it("asks the collector with the pod's token where a chain ends", async () => {
    await until("the first frame is stored", () => peer.frames.length > 0);
    const client = clientOf("ENCHANTED_SERVICE_PORT");
    const request = create(TailRequestSchema, { agentUid: pod.env["ENCHANTED_AGENT_UID"]!, epoch: 1 });
    const tail = fromBinary(
      TailResponseSchema,
      await client.unary(tailMethod, Buffer.from(toBinary(TailRequestSchema, request)), limits),
    );
    expect(tail.seq).toBeGreaterThan(0n);
    expect(peer.frames.map(({ hash }) => hash)).toContain(tail.hash);
    client.close();
  });

  it("passes a blob up and down in pieces, and the collector's refusal with its code", async () => {
    const client = clientOf("ENCHANTED_SERVICE_PORT");
    const blob = randomBytes(3_000_000);
    const chunks = async function* (): AsyncIterable<Buffer> {
      for (let at = 0; at < blob.length; at += 65_536) {
        yield Buffer.from(
          toBinary(BlobChunkSchema, create(BlobChunkSchema, { chunk: blob.subarray(at, at + 65_536) })),
        );
      }
    };
    const put = fromBinary(PutBlobResponseSchema, await client.clientStream(putBlobMethod, chunks(), limits));
    expect(put.digest).toBe(`sha256:${createHash("sha256").update(blob).digest("hex")}`);
    const read = async (digest: string): Promise<Buffer> => {
      const request = Buffer.from(toBinary(GetBlobRequestSchema, create(GetBlobRequestSchema, { digest })));
      const parts: Uint8Array[] = [];
      for await (const part of client.serverStream(getBlobMethod, request, limits)) {
        parts.push(fromBinary(BlobChunkSchema, part).chunk);
      }
      return Buffer.concat(parts);
    };
    expect((await read(put.digest)).equals(blob)).toBe(true);
    await expect(read(`sha256:${"0".repeat(64)}`)).rejects.toMatchObject({ code: grpcStatus.notFound });
    client.close();
  });
});

describe("the OTLP port", () => {
  it("tells success only when the collector did, and UNAVAILABLE otherwise, so that the exporter tries again", async () => {
    const client = clientOf("ENCHANTED_OTLP_PORT");
    const spans = Buffer.from("any bytes are passed as they are");
    peer.failure = new GrpcFailure(grpcStatus.internal, "broken");
    await expect(client.unary(exportTraces, spans, limits)).rejects.toMatchObject({ code: grpcStatus.unavailable });
    peer.failure = undefined;
    await client.unary(exportTraces, spans, limits);
    expect(peer.spans.map(String)).toEqual([String(spans)]);
    client.close();
  });
});

describe("the model port", () => {
  const url = (path: string): string => `http://127.0.0.1:${pod.env["ENCHANTED_MODEL_PORT"]}${path}`;

  it("replaces whatever credential the agent sends by the pod's token and streams the answer as it comes", async () => {
    let seen: IncomingMessage | undefined;
    let body = "";
    let finish: () => void = () => undefined;
    answer = (incoming, response) => {
      seen = incoming;
      incoming.on("data", (chunk: Buffer) => (body += chunk.toString()));
      incoming.on("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream", "x-kept": "yes" });
        response.write("data: first\n\n");
        finish = () => response.end("data: last\n\n");
      });
    };
    const response = await fetch(url("/openai/v1/chat/completions?x=1"), {
      method: "POST",
      headers: {
        authorization: "Bearer stolen",
        "x-api-key": "sk-1",
        "api-key": "k",
        "content-type": "application/json",
      },
      body: '{"model":"m"}',
    });
    expect(response.headers.get("x-kept")).toBe("yes");
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: first\n\n"); // before the gateway has ended
    finish();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("data: last\n\n");
    expect(body).toBe('{"model":"m"}');
    expect(seen?.url).toBe("/openai/v1/chat/completions?x=1");
    expect(seen?.headers.authorization).toBe("Bearer pod-token");
    expect(seen?.headers).not.toHaveProperty("x-api-key");
    expect(seen?.headers).not.toHaveProperty("api-key");
  });

  it("passes the gateway's refusals on as they are", async () => {
    answer = (_incoming, response) => {
      response.writeHead(429, { "retry-after": "7", "content-type": "application/json" });
      response.end('{"error":{"type":"budget_exhausted","message":"no budget is left"}}');
    };
    const response = await fetch(url("/anthropic/v1/messages"), { method: "POST", body: "{}" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
    expect(await response.json()).toMatchObject({ error: { type: "budget_exhausted" } });
  });

  it.each(["/", "/v1/models", "/internal/v1/check", "/openai/v1/%2e%2e/%2e%2e/internal/v1/check"])(
    "serves nothing at %s",
    async (path) => {
      answer = () => {
        throw new Error("this must not reach the gateway");
      };
      expect((await fetch(url(path))).status).toBe(404);
    },
  );

  it("hangs up on the gateway when the agent hangs up", async () => {
    let isCut = false;
    answer = (incoming, response) => {
      response.writeHead(200);
      response.write("x");
      incoming.socket.once("close", () => (isCut = true));
    };
    const abort = new AbortController();
    await fetch(url("/openai/v1/x"), { signal: abort.signal });
    abort.abort();
    await until("the gateway sees the end", () => isCut);
  });

  it("cuts the answer when the gateway dies in the middle of it: half an answer never looks whole", async () => {
    answer = (_incoming, response) => {
      response.writeHead(200);
      response.write("half", () => response.socket?.destroy());
    };
    const response = await fetch(url("/openai/v1/x"));
    await expect(response.text()).rejects.toThrow(/terminated|aborted|closed/);
  });

  it("answers 502 when the gateway breaks off before it answers, and 503 when it is away", async () => {
    answer = (incoming) => void incoming.socket.destroy();
    const broken = await fetch(url("/openai/v1/x"));
    expect(broken.status).toBe(502);
    expect(await broken.json()).toMatchObject({ error: { type: "gateway_failed" } });
    gateway.closeAllConnections();
    await new Promise((resolve) => gateway.close(resolve));
    const away = await fetch(url("/openai/v1/x"));
    expect([away.status, away.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await away.json()).toMatchObject({ error: { type: "gateway_unavailable" } });
  });
});
