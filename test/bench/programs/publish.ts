// P4, our side: frames of several agents through the publisher, an export's worth each, until all are stored.
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { decodeLogsRequest } from "#nervous-system/codecs/otlp/decode-logs.ts";
import { encodeLogsRequest } from "#nervous-system/codecs/otlp/encode-logs.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { exported, framesOfAgent } from "../harness/frames.ts";
import { programSettings, report } from "../harness/program.ts";

type Settings = { url: string; firstAgent: number; agents: number; frames: number; perExport: number; bytes: number };

const settings = programSettings() as Settings;
const bus = await createBus({
  servers: settings.url,
  name: "bench",
  log: silentLog,
  clock: systemClock(),
  random: Math.random,
  ids: randomIds(),
});
await bus.ensureStreams({ replicas: 1 });

const count = Math.floor(settings.frames / settings.agents);
/** Frames as the collector has them: with the records that they came in. */
const chains = Array.from({ length: settings.agents }, (_, agent) => {
  const frames = framesOfAgent(settings.firstAgent + agent, count, settings.bytes);
  const exports = Array.from({ length: Math.ceil(count / settings.perExport) }, (__, n) =>
    encodeLogsRequest(exported(frames.slice(n * settings.perExport, (n + 1) * settings.perExport))),
  );
  const records = exports.flatMap((request) => decodeLogsRequest(request).map(({ raw }) => raw));
  return frames.map((frame, at) => ({ ...frame, record: records[at] }));
});

/** An agent's scribe: the next export leaves when the one before it is stored. */
const exportChain = async (frames: readonly RecordedFrame[]): Promise<void> => {
  for (let from = 0; from < frames.length; from += settings.perExport) {
    const results = await bus.publisher.publish(frames.slice(from, from + settings.perExport));
    if (results.some(({ kind }) => kind !== "stored")) throw new Error("a frame was not stored");
  }
};

const cpuBefore = process.cpuUsage();
const started = performance.now();
await Promise.all(chains.map(exportChain));
const seconds = (performance.now() - started) / 1000;
const cpu = process.cpuUsage(cpuBefore);
const tails = await Promise.all(chains.map(([first]) => bus.tail(first?.envelope.agent_uid ?? "", 1)));
const stored = tails.reduce((sum, { seq }) => sum + seq, 0);
await bus.close();
report({ perSecond: stored / seconds, cpuMicrosPerFrame: (cpu.user + cpu.system) / stored, stored });
