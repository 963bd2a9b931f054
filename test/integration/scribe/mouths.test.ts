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
import { decodeTraces } from "#nervous-system/telemetry/otlp/decode-traces.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import {
  connectWriter,
  layOutPod,
  setStage,
  startPodScribe,
  until,
  type Pod,
  type Running,
  type Stage,
} from "./stage.ts";

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

/** A span of a program that knows nothing of us, as OTLP's JSON. */
const spanJson = (name: string, events: readonly object[]) => ({
  resourceSpans: [
    {
      resource: { attributes: [{ key: "service.name", value: { stringValue: "script" } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: randomBytes(16).toString("hex"),
              spanId: randomBytes(8).toString("hex"),
              name,
              startTimeUnixNano: "1763701174000000000",
              endTimeUnixNano: "1763701175000000000",
              events,
            },
          ],
        },
      ],
    },
  ],
});

describe("the OTLP ports", () => {
  const url = (path: string): string => `http://127.0.0.1:${pod.env["ENCHANTED_OTLP_HTTP_PORT"]}${path}`;
  const post = (path: string, body: string): Promise<Response> =>
    fetch(url(path), { method: "POST", headers: { "content-type": "application/json" }, body });
  const told = (type: string) =>
    peer.frames
      .filter(({ envelope }) => envelope.event_type === type)
      .map(({ envelope, bytes }) => ({
        envelope,
        ...(JSON.parse(Buffer.from(bytes).toString()) as { agent_id: string; payload: Record<string, unknown> }),
      }));

  it("make frames of the program's spans, once however often they come, and pass the spans on", async () => {
    const payload = JSON.stringify({ rationale: "a cycle", confidence_score: 0.98 });
    const attributes = [{ key: "payload", value: { stringValue: payload } }];
    const span = spanJson("agent_execution_cycle", [{ name: "decision_made", attributes }]);
    for (let time = 0; time < 2; time += 1) expect((await post("/v1/traces", JSON.stringify(span))).status).toBe(200);
    await until("the decision is stored", () => told("AGENT_EXECUTION_CYCLE").length > 0);
    expect(told("DECISION_RATIONALE")).toMatchObject([
      {
        agent_id: "script",
        payload: { reasoning: "a cycle", confidence_score: 0.98 },
        envelope: { producer: "agent" },
      },
    ]);
    expect(told("DECISION_RATIONALE")[0]?.envelope.trace_id).toBe(
      span.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.traceId,
    );
    await until("the collector has the spans", () => peer.spans.length === 2);
    expect(decodeTraces(peer.spans[0]!).map(({ name }) => name)).toEqual(["agent_execution_cycle"]);
  });

  it("record while the collector is away, and hand over spans when it is back", async () => {
    peer.failure = new GrpcFailure(grpcStatus.unavailable, "away");
    const before = peer.spans.length;
    expect((await post("/v1/traces", JSON.stringify(spanJson("work", [])))).status).toBe(200);
    expect(peer.spans).toHaveLength(before);
    peer.failure = undefined;
    await until("frame and span arrive", () => told("WORK").length === 1 && peer.spans.length === before + 1);
  });

  it("make frames of logs, and leave alone what is a frame already", async () => {
    const record = (body: string, attributes: readonly object[] = []) => ({ body: { stringValue: body }, attributes });
    const known = [{ key: "enchanted.event_id", value: { stringValue: "x" } }];
    const logRecords = [record("tests are green"), record('{"event_type":"THOUGHT","text":"hm"}'), record("no", known)];
    const answer = await post("/v1/logs", JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
    expect(answer.status).toBe(200);
    await until("both are stored", () => told("LOG").length === 1 && told("THOUGHT").length > 0);
    expect(told("LOG")[0]?.payload).toEqual({ text: "tests are green" });
    expect(told("THOUGHT").at(-1)?.payload).toEqual({ text: "hm" });
  });

  it("refuse what is malformed or too large", async () => {
    expect((await post("/v1/traces", "{")).status).toBe(400);
    expect((await post("/v1/traces", `"${"x".repeat(5 * 1024 * 1024)}"`)).status).toBe(413);
    const client = clientOf("ENCHANTED_OTLP_PORT");
    const cut = client.unary(exportTraces, Buffer.from([0x0a, 0x7f, 1]), limits);
    await expect(cut).rejects.toMatchObject({ code: grpcStatus.invalidArgument });
    client.close();
  });

  it("tell what only others may write as a report of it", async () => {
    const logRecords = [{ eventName: "PUBLICATION", body: { stringValue: '{"state":"open"}' } }];
    await post("/v1/logs", JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }));
    await until("it is stored", () => told("REPORTED_PUBLICATION").length === 1);
  });
});

describe("a frame that its producer may not write", () => {
  it("is refused, counted, and noted in the record", async () => {
    const writer = await connectWriter(pod.socket);
    writer.write('{"event_type":"PUBLICATION","payload":{"state":"open"}}\n');
    await writer.answered(1);
    expect(writer.answers[0]).toMatchObject({
      ok: false,
      reason: expect.stringContaining("may not write PUBLICATION"),
    });
    writer.socket.destroy();
    const noted = (): string[] =>
      peer.frames
        .filter(({ envelope }) => envelope.event_type === "ERROR")
        .map(({ bytes }) => String(Buffer.from(bytes)));
    await until("it is noted", () => noted().some((text) => text.includes("PUBLICATION")));
    const metrics = await (await fetch(`http://127.0.0.1:${pod.env["ENCHANTED_METRICS_PORT"]}/metrics`)).text();
    expect(metrics).toContain('enchanted_scribe_refused_total{code="Forbidden"} 1');
    expect(metrics).toMatch(/enchanted_scribe_frames_total\{mouth="otlp"\} [1-9]/);
    expect(metrics).toMatch(/enchanted_scribe_frames_total\{mouth="socket"\} \d/);
    expect(metrics).toContain("enchanted_scribe_withheld_total 0");
    expect(metrics).toContain("enchanted_scribe_log_segments 1");
    expect(Number(/enchanted_scribe_written_seq (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(5);
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
