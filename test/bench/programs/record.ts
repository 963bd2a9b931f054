// P15, one contestant: an agent that records at a steady rate; what each call takes from it.
import { createHistogram } from "node:perf_hooks";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createContextClient } from "#nervous-system/recorder/client/main.ts";
import { tenMembers } from "../harness/frames.ts";
import { programSettings, report } from "../harness/program.ts";
import { ownMiBOf } from "../harness/usage.ts";

type Settings = {
  who: "ours" | "otel";
  peers: string;
  directory: string;
  socket: string;
  address: string;
  bytes: number;
  perSecond: number;
  seconds: number;
};
type Payload = Record<string, unknown>;
/** `record` is what the agent calls; `dropped` are records that were taken and thrown away. */
type Recorder = { record(payload: Payload): void; close(): Promise<unknown>; dropped(): number };

const settings = programSettings() as Settings;
const requirePeer = createRequire(join(settings.peers, "package.json"));

const ours = async (): Promise<Recorder> => {
  const { directory, socket: socketPath } = settings;
  let refused = 0;
  const client = await createContextClient({ directory, socketPath, onRefused: () => (refused += 1) });
  return {
    record: (payload) => void client.record({ event_type: "THOUGHT", payload }),
    close: () => client.close(10_000),
    dropped: () => refused + client.state().inMemory,
  };
};

type Logs = {
  LoggerProvider: new (o: object) => { getLogger(name: string): { emit(r: object): void }; shutdown(): Promise<void> };
  BatchLogRecordProcessor: new (o: object) => object;
};
type Exported = { code: number };
type Exporter = { export(records: unknown[], done: (result: Exported) => void): void };
type Exporters = { OTLPLogExporter: new (o: object) => Exporter };

/** The SDK's own batch processor and gRPC exporter with their defaults. */
const otel = (): Recorder => {
  const logs = requirePeer("@opentelemetry/sdk-logs") as Logs;
  const exporters = requirePeer("@opentelemetry/exporter-logs-otlp-grpc") as Exporters;
  const exporter = new exporters.OTLPLogExporter({ url: settings.address });
  const send = exporter.export.bind(exporter);
  let [emitted, arrived] = [0, 0];
  exporter.export = (records, done) =>
    send(records, (result) => {
      if (result.code === 0) arrived += records.length;
      done(result);
    });
  const provider = new logs.LoggerProvider({ processors: [new logs.BatchLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("bench");
  return {
    record: ({ text: body, ...attributes }) => {
      emitted += 1;
      logger.emit({ body, attributes, eventName: "THOUGHT" });
    },
    close: () => provider.shutdown(),
    dropped: () => emitted - arrived,
  };
};

const recorder = settings.who === "ours" ? await ours() : otel();
const latencies = createHistogram();
/** The same without the first call of each burst, which comes after a rest. */
const followers = createHistogram();
const TICK_MS = 5;
let [recorded, due] = [0, 0];
let measuring = false;
let [ownMiB, ticks] = [0, 0];

const burst = (started: number): void => {
  due = Math.floor(((performance.now() - started) / 1000) * settings.perSecond);
  for (let isFirst = true; recorded < due; recorded += 1, isFirst = false) {
    const payload = tenMembers(recorded, settings.bytes);
    const before = process.hrtime.bigint();
    recorder.record(payload);
    const took = process.hrtime.bigint() - before;
    if (!measuring) continue;
    latencies.record(took);
    if (!isFirst) followers.record(took);
  }
};

/** Open loop: what is due is recorded when it is due, however long the calls before it took. */
const phase = (seconds: number): Promise<void> => {
  const started = performance.now();
  recorded = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      burst(started);
      ticks += 1;
      if (ticks % 20 === 0) ownMiB = Math.max(ownMiB, ownMiBOf(process.pid));
      if (performance.now() - started < seconds * 1000) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
};

await phase(settings.seconds / 2);
measuring = true;
const cpuBefore = process.cpuUsage();
await phase(settings.seconds);
const cpu = process.cpuUsage(cpuBefore);
const count = latencies.count;
await recorder.close();
report({
  p50: latencies.percentile(50) / 1000,
  p99: latencies.percentile(99) / 1000,
  followersP99: followers.percentile(99) / 1000,
  p999: latencies.percentile(99.9) / 1000,
  cpuMicros: (cpu.user + cpu.system) / count,
  ownMiB,
  dropped: recorder.dropped(),
});
process.exit(0);
