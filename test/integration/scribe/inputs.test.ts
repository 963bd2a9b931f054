import { describe, expect, it, jest } from "@jest/globals";
import { createHash, randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { exportTraces, getBlobMethod, putBlobMethod, tailMethod } from "#nervous-system/comms/grpc/methods.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import {
  BlobChunkSchema,
  GetBlobRequestSchema,
  PutBlobResponseSchema,
  TailRequestSchema,
  TailResponseSchema,
} from "#nervous-system/schemas/gen/context_pb.ts";
import { decodeTraces } from "#nervous-system/codecs/otlp/decode-traces.ts";
import { sceneForFile } from "./scene.ts";
import { connectWriter, until } from "./stage.ts";

jest.setTimeout(60_000);

const limits = { deadlineMs: 20_000 };
const scene = sceneForFile();

const clientOf = (variable: string): GrpcClient =>
  createGrpcClient({ address: `127.0.0.1:${scene.pod.env[variable]}`, clock: systemClock() });

describe("the service port", () => {
  it("asks the collector with the pod's token where a chain ends", async () => {
    await until("the first frame is stored", () => scene.peer.frames.length > 0);
    const client = clientOf("ENCHANTED_SERVICE_PORT");
    const request = create(TailRequestSchema, { agentUid: scene.pod.env["ENCHANTED_AGENT_UID"]!, epoch: 1 });
    const tail = fromBinary(
      TailResponseSchema,
      await client.unary(tailMethod, Buffer.from(toBinary(TailRequestSchema, request)), limits),
    );
    expect(tail.seq).toBeGreaterThan(0n);
    expect(scene.peer.frames.map(({ hash }) => hash)).toContain(tail.hash);
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
  const url = (path: string): string => `http://127.0.0.1:${scene.pod.env["ENCHANTED_OTLP_HTTP_PORT"]}${path}`;
  const post = (path: string, body: string): Promise<Response> =>
    fetch(url(path), { method: "POST", headers: { "content-type": "application/json" }, body });
  const told = (type: string) =>
    scene.peer.frames
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
    await until("the collector has the spans", () => scene.peer.spans.length === 2);
    expect(decodeTraces(scene.peer.spans[0]!).map(({ name }) => name)).toEqual(["agent_execution_cycle"]);
  });

  it("record while the collector is away, and hand over spans when it is back", async () => {
    scene.peer.failure = new GrpcFailure(grpcStatus.unavailable, "away");
    const before = scene.peer.spans.length;
    expect((await post("/v1/traces", JSON.stringify(spanJson("work", [])))).status).toBe(200);
    expect(scene.peer.spans).toHaveLength(before);
    scene.peer.failure = undefined;
    await until("frame and span arrive", () => told("WORK").length === 1 && scene.peer.spans.length === before + 1);
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
    const writer = await connectWriter(scene.pod.socket);
    writer.write('{"event_type":"PUBLICATION","payload":{"state":"open"}}\n');
    await writer.answered(1);
    expect(writer.answers[0]).toMatchObject({
      ok: false,
      reason: expect.stringContaining("may not write PUBLICATION"),
    });
    writer.socket.destroy();
    const noted = (): string[] =>
      scene.peer.frames
        .filter(({ envelope }) => envelope.event_type === "ERROR")
        .map(({ bytes }) => String(Buffer.from(bytes)));
    await until("it is noted", () => noted().some((text) => text.includes("PUBLICATION")));
    const metrics = await (await fetch(`http://127.0.0.1:${scene.pod.env["ENCHANTED_METRICS_PORT"]}/metrics`)).text();
    expect(metrics).toContain('enchanted_scribe_refused_total{code="Forbidden"} 1');
    expect(metrics).toMatch(/enchanted_scribe_frames_total\{input="otlp"\} [1-9]/);
    expect(metrics).toMatch(/enchanted_scribe_frames_total\{input="socket"\} \d/);
    expect(metrics).toContain("enchanted_scribe_withheld_total 0");
    expect(metrics).toContain("enchanted_scribe_log_segments 1");
    expect(Number(/enchanted_scribe_written_seq (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(5);
  });
});
