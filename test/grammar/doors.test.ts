import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { createAnswerCopy } from "#cli/models/body-copy.ts";
import { modelOf, renderWatchedCall } from "#cli/models/exchange.ts";
import type { ModelTarget } from "#cli/models/routes.ts";
import { createChainCheck } from "#cli/record/check-chains.ts";
import { framesOf, summaryOf } from "#cli/record/describe-frame.ts";
import { decodeLogsRequest } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { encodeLogsRequest, frameRecord } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { tracesJsonToWire } from "#nervous-system/codecs/otlp/traces-json-to-wire.ts";
import { WireError } from "#nervous-system/codecs/otlp/wire.ts";
import type { OtlpCall } from "#nervous-system/comms/grpc/otlp-service.ts";
import { createMessageSplitter, delimit, PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import { emptyMission } from "#nervous-system/fold/state.ts";
import { reduceMission } from "#nervous-system/fold/reduce.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { ComposedFrame } from "#nervous-system/recorder/compose.ts";
import { parseFrameLine, renderFrameLine } from "#nervous-system/recorder/context-file/frame-line.ts";
import { createItemReader } from "#nervous-system/recorder/context-file/read-items.ts";
import { createRecorder, type Recorder } from "#nervous-system/recorder/recorder.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { encodeProducedFrame } from "#nervous-system/schemas/frames/produced-frame-codec.ts";
import { parseFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { verifyFrames } from "#pipeline/collector/verify-frame.ts";
import { projectRow } from "#pipeline/siphon/ledger/row.ts";
import { listenForFrames } from "#scribe/inputs/frame-socket.ts";
import { createOtlpInput } from "#scribe/inputs/otlp-input.ts";
import { forwardFrames } from "#scribe/wrap/frame-forwarder.ts";
import { verifyChain } from "#test/builders/chain.ts";
import { oddExchange, oddFrameLine, oddLogs, oddText, oddTraces } from "#test/builders/odd-json.ts";
import { identity, openTestWal, readFrames } from "#test/builders/recorder.ts";
import { createSimulatedDisk } from "#test/simulation/simulated-disk.ts";

const RUNS = 60;
const clock = systemClock();
const lines = fc.array(oddFrameLine, { minLength: 1, maxLength: 25 });
const caller: Caller = {
  agentUid: identity.agent_uid,
  namespace: identity.namespace,
  agent: identity.agentId,
  producers: ["agent", "scribe"],
  recorder: "scribe",
  bound: { epoch: 1, missionUid: identity.mission_uid, mission: identity.mission },
};

type Room = { recorder: Recorder; socket: string };

let directory = "";
const strays: unknown[] = [];
const hearStray = (reason: unknown): void => void strays.push(reason);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "grammar-"));
  strays.length = 0;
  process.on("unhandledRejection", hearStray);
});
afterEach(async () => {
  process.off("unhandledRejection", hearStray);
  await rm(directory, { recursive: true });
});

let serial = 0;

/** A recorder behind a socket, as a pod has it; what it holds in the end is what every reader must bear. */
const inRoom = async (use: (room: Room) => Promise<void>): Promise<ComposedFrame[]> => {
  const wal = await openTestWal(createSimulatedDisk());
  const redactor = createRedactor([]);
  const recorder = await createRecorder({ identity, wal, clock, ids: randomIds(), redactor, epoch: 1 });
  const socket = join(directory, `${(serial += 1)}.sock`);
  const server = await listenForFrames({ path: socket, recorder, clock, onRefused: () => undefined });
  try {
    await use({ recorder, socket });
  } finally {
    await server.close(0);
  }
  const frames = await readFrames(wal);
  await wal.close();
  expect(strays).toEqual([]);
  bearable(frames);
  return frames;
};

/** Every part behind the log takes the frames as they are: collector, ledger, operator, file and terminal. */
const bearable = (frames: readonly ComposedFrame[]): void => {
  const links = frames.map(({ envelope, ...rest }) => ({
    ...rest,
    agentUid: envelope.agent_uid,
    epoch: envelope.epoch,
    seq: envelope.seq,
    observedNs: BigInt(envelope.observed),
  }));
  expect(verifyChain(links)).toBeUndefined();
  const records = decodeLogsRequest(encodeLogsRequest(frames.map(frameRecord)));
  const verified = verifyFrames(records, caller);
  expect(verified.filter(({ kind }) => kind !== "frame")).toEqual([]);
  let mission = emptyMission(identity.mission_uid);
  for (const [place, frame] of frames.entries()) {
    mission = reduceMission(mission, { ...frame, place });
    const row = projectRow({ ...frame, place, storedNs: 1n });
    const columns = Object.values(row);
    expect(columns.filter((column) => typeof column === "string" && !column.isWellFormed())).toEqual([]);
    expect(columns.filter((column) => typeof column === "number" && !Number.isSafeInteger(column))).toEqual([]);
    const line = renderFrameLine(frame);
    expect(line).not.toContain("\n");
    const parsed = parseFrameLine(line);
    expect(parsed).toMatchObject({ kind: "frame", frame: { hash: frame.hash, envelopeText: frame.envelopeText } });
    if (parsed.kind === "frame") {
      expect(Buffer.from(parsed.frame.bytes).equals(frame.bytes)).toBe(true);
      for (const told of framesOf({ kind: "frame", line: 1, frame: parsed.frame })) summaryOf(told.frame);
    }
  }
  expect(mission.chains[`${identity.agent_uid}/1`] ?? 0).toBe(frames.length);
};

/** A request that is malformed is refused by that name; whatever else fails is a fault. */
const tolerate = async (take: () => Promise<unknown>): Promise<void> => {
  try {
    await take();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
};

type Ack = { ok: boolean; seq?: number };

/** Says all on one connection and reads to its end. */
const converse = async (socket: string, said: Buffer): Promise<Buffer> => {
  const connection = createConnection({ path: socket, allowHalfOpen: true });
  const heard: Buffer[] = [];
  connection.on("data", (chunk: Buffer) => heard.push(chunk));
  connection.end(said);
  await once(connection, "close");
  return Buffer.concat(heard);
};

const acksOf = (answer: Buffer): Ack[] =>
  answer
    .toString("utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Ack);

const placesOf = (acks: readonly Ack[]): number[] => [
  ...new Set(acks.flatMap(({ ok, seq }) => (ok ? [Number(seq)] : []))),
];

const settings = { numRuns: RUNS, endOnFailure: true };

describe("frames of odd grammar, through every door", () => {
  it("are answered once each on the socket, in lines of ASCII", async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (said) => {
        let acks: Ack[] = [];
        const frames = await inRoom(async ({ socket }) => {
          const answer = await converse(socket, Buffer.from(`${said.join("\n")}\n`));
          expect(answer.every((byte) => byte === 0x0a || (byte >= 0x20 && byte < 0x7f))).toBe(true);
          acks = acksOf(answer);
        });
        expect(acks).toHaveLength(said.length);
        expect(placesOf(acks)).toHaveLength(frames.length);
      }),
      settings,
    );
  }, 120_000);

  it("are answered once each on the socket in protobuf", async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (said) => {
        const messages = said.flatMap((line) => {
          const parsed = parseFrame(JSON.parse(line));
          return parsed.ok ? [delimit(encodeProducedFrame(parsed.frame))] : [];
        });
        let answers = 0;
        await inRoom(async ({ socket }) => {
          const splitter = createMessageSplitter(1 << 20);
          const answer = await converse(socket, Buffer.concat([Buffer.from([PROTOBUF_OPENER]), ...messages]));
          answers = splitter.push(answer).length;
        });
        expect(answers).toBe(messages.length);
      }),
      settings,
    );
  }, 120_000);

  it("reach the record from FD 3, what is refused as an ERROR, nothing twice", async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (said) => {
        let whole = false;
        const frames = await inRoom(async ({ socket }) => {
          const source = new PassThrough();
          const forwarder = forwardFrames({ source, clock, socketPath: socket });
          source.end(`${said.join("\n")}\n`);
          whole = await forwarder.finish(10_000);
        });
        expect(whole).toBe(true);
        const ids = frames.map(({ envelope }) => envelope.event_id);
        expect(frames.length).toBeLessThanOrEqual(said.length + 1);
        expect(frames.length).toBeGreaterThan(0);
        expect(ids.every((id) => id.isWellFormed())).toBe(true);
      }),
      settings,
    );
  }, 120_000);

  it("are answered over OTLP, in both encodings, and refused only as malformed", async () => {
    const requests = fc.record({ logs: oddLogs, traces: oddTraces });
    await fc.assert(
      fc.asyncProperty(requests, async ({ logs, traces }) => {
        await inRoom(async ({ recorder }) => {
          const input = createOtlpInput({
            recorder,
            passSpans: () => undefined,
            passMetrics: async () => undefined,
            onRefused: () => undefined,
          });
          const json = { encoding: "json" } as OtlpCall;
          await tolerate(() => input.logs(logs, json));
          await tolerate(() => input.traces(traces, json));
          await tolerate(async () => input.traces(tracesJsonToWire(traces), { encoding: "protobuf" } as OtlpCall));
        });
      }),
      settings,
    );
  }, 120_000);

  it("are recorded beside a model, whatever request and answer hold", async () => {
    const exchanges = fc.record({ request: oddExchange, answer: oddExchange, isStreamed: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(exchanges, { maxLength: 5 }), async (said) => {
        let told = 0;
        const frames = await inRoom(async ({ recorder }) => {
          for (const { request, answer, isStreamed } of said) {
            const type = isStreamed ? "text/event-stream" : "application/json";
            const copy = createAnswerCopy({ status: 200, contentType: type }, () => 0);
            copy.add(Buffer.from(isStreamed ? `data: ${answer}\n\ndata: [DONE]\n\n` : answer));
            const { facts } = await copy.end(true);
            const target = { provider: "openai", url: "" } as unknown as ModelTarget;
            const model = modelOf({ method: "POST" }, request) ?? "m";
            const payload = renderWatchedCall({ target, model, request, answer: facts, status: 200, latencyMs: 1 });
            const result = await recorder.record({ event_type: "MODEL_CALL", payload }, { producer: "scribe" });
            if (result.ok) told += 1;
            else expect(result.reason).toMatch(/nested deeper/);
          }
        });
        expect(frames).toHaveLength(told);
      }),
      settings,
    );
  }, 120_000);

  it("are read from a file that anything wrote into", () => {
    fc.assert(
      fc.property(oddText, (text) => {
        const reader = createItemReader();
        const parts = text.split("\n");
        const items = [...parts.slice(0, -1).flatMap((line) => reader.push(line)), ...reader.end(parts.at(-1) ?? "")];
        const check = createChainCheck();
        for (const item of items) {
          check.take(item);
          for (const told of framesOf(item)) expect(typeof summaryOf(told.frame)).toBe("string");
        }
        check.report();
      }),
      { ...settings, numRuns: RUNS * 5 },
    );
  });
});
