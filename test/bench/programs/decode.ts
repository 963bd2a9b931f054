// P2, one contestant: OTLP bytes in, subject, key and frame bytes of every record out.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chainKey } from "#nervous-system/comms/nats/chain-plan.ts";
import { parseEnvelope, type Envelope, type RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { chunkSubject } from "#nervous-system/schemas/subjects.ts";
import { ENVELOPE_ATTRIBUTE } from "#nervous-system/codecs/otlp/attributes.ts";
import { decodeLogsRequest } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { encodeLogsRequest } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { exported, framesOfAgent } from "../harness/frames.ts";
import { programSettings, report } from "../harness/program.ts";

type Output = (subject: string, key: string, bytes: Uint8Array) => void;
type Decoder = (request: Buffer, out: Output) => void;
type Decoded = {
  resourceLogs: Array<{ scopeLogs: Array<{ logRecords: DecodedRecord[] }> }>;
};
type DecodedRecord = { body: Value; attributes: Array<{ key: string; value: Value }> };
type Value = { stringValue?: string; value?: { case: string; value: string } } | null | undefined;

const emit = (envelope: Envelope, bytes: Uint8Array, out: Output): void => {
  out(chunkSubject(envelope), chainKey({ envelope } as RecordedFrame), bytes);
};

const ours: Decoder = (request, out) => {
  for (const record of decodeLogsRequest(request)) {
    const parsed = parseEnvelope(record.envelopeText ?? "");
    if (!parsed.ok) throw new Error(parsed.reason);
    emit(parsed.envelope, record.body, out);
  }
};

/** Walks what a protobuf library decoded; only where a oneof's value stands differs between them. */
const walking =
  (decode: (request: Buffer) => Decoded, textOf: (value: Value) => string): Decoder =>
  (request, out) => {
    for (const { scopeLogs } of decode(request).resourceLogs)
      for (const { logRecords } of scopeLogs)
        for (const { body, attributes } of logRecords) {
          const envelope = attributes.find(({ key }) => key === ENVELOPE_ATTRIBUTE);
          emit(JSON.parse(textOf(envelope?.value)) as Envelope, Buffer.from(textOf(body)), out);
        }
  };

const peerCode = (directory: string, file: string): Promise<Record<string, never>> =>
  import(pathToFileURL(join(directory, file)).href) as Promise<Record<string, never>>;

const decoders: Readonly<Record<string, (peers: string) => Promise<Decoder>>> = {
  ours: () => Promise.resolve(ours),
  protobufjs: async (peers) => {
    const { otlp } = (await peerCode(peers, "otlp-protobufjs.js")) as unknown as {
      otlp: { ExportLogsServiceRequest: { decode(bytes: Uint8Array): Decoded } };
    };
    return walking(
      (request) => otlp.ExportLogsServiceRequest.decode(request),
      (value) => value?.stringValue ?? "",
    );
  },
  bufbuild: async (peers) => {
    const generated = await peerCode(peers, "bufbuild/otlp_pb.js");
    const library = await peerCode(peers, "node_modules/@bufbuild/protobuf/dist/esm/index.js");
    const fromBinary = library["fromBinary"] as unknown as (schema: unknown, bytes: Uint8Array) => Decoded;
    return walking(
      (request) => fromBinary(generated["ExportLogsServiceRequestSchema"], request),
      (value) => value?.value?.value ?? "",
    );
  },
};

/** Forty-eight bits of everything that came out: the same number means the same output. */
const digestOf = (decode: Decoder, requests: readonly Buffer[]): number => {
  const hash = createHash("sha256");
  for (const request of requests)
    decode(request, (subject, key, bytes) => hash.update(subject).update(key).update(bytes));
  return hash.digest().readUIntBE(0, 6);
};

const settings = programSettings() as { who: string; peers: string; bytes: number; seconds: number };
const decode = await (decoders[settings.who] as (peers: string) => Promise<Decoder>)(settings.peers);
const requests = Array.from({ length: 20 }, (_, agent) =>
  encodeLogsRequest(exported(framesOfAgent(agent, 100, settings.bytes))),
);
const digest = digestOf(decode, requests);

let sink = 0;
const measure = (seconds: number): number => {
  const started = performance.now();
  let records = 0;
  while (performance.now() - started < seconds * 1000) {
    for (const request of requests)
      decode(request, (subject, key, bytes) => {
        sink += subject.length + key.length + bytes.length;
        records += 1;
      });
  }
  return records / ((performance.now() - started) / 1000);
};
measure(settings.seconds / 2);
const cpuBefore = process.cpuUsage();
const recordsPerSecond = measure(settings.seconds);
const cpu = process.cpuUsage(cpuBefore);
const perCpuSecond = (recordsPerSecond * settings.seconds) / ((cpu.user + cpu.system) / 1e6);
report({ recordsPerSecond, perCpuSecond, digest, sink: sink % 2 });
