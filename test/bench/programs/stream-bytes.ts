// P17, one contestant: bytes that the stream's store takes a frame, of frames whose texts are source code.
import { gzipSync } from "node:zlib";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "nats";
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { contextStream } from "#nervous-system/schemas/subjects.ts";
import { programSettings, report } from "../harness/program.ts";
import { sourceFrames } from "../harness/source-frames.ts";

type Settings = {
  url: string;
  form: "chunks" | "messages";
  run: number;
  frames: number;
  bytes: number;
  perExport: number;
};

const settings = programSettings() as Settings;
const frames = sourceFrames({
  agent: settings.run,
  count: settings.frames,
  chars: settings.bytes,
  files: "nervous-system/recorder/*.ts",
});

const storeChunks = async (): Promise<string> => {
  const parts = { log: silentLog, clock: systemClock(), random: Math.random, ids: randomIds() };
  const bus = await createBus({ servers: settings.url, name: "bench", ...parts });
  await bus.ensureStreams({ replicas: 1 });
  for (let from = 0; from < frames.length; from += settings.perExport)
    await bus.publisher.publish(frames.slice(from, from + settings.perExport));
  await bus.close();
  return contextStream;
};

/** A message a frame, as the stream had it before chunks: envelope and hashes in headers, the type a token of the subject. */
const messageOf = ({ envelope, envelopeText, bytes, prevHash, hash }: RecordedFrame) => {
  const carried = headers();
  carried.set("Enchanted-Envelope", envelopeText);
  carried.set("Enchanted-Prev-Hash", prevHash);
  carried.set("Enchanted-Hash", hash);
  const { agent_uid, epoch, event_type, mission_uid } = envelope;
  return { subject: `message.3.team-a.${mission_uid}.${agent_uid}.${epoch}.${event_type}`, bytes, headers: carried };
};

const connection = await connect({ servers: settings.url });
const manager = await jetstreamManager(connection);

const storeMessages = async (): Promise<string> => {
  const name = `MESSAGES${settings.run}`;
  await manager.streams.add({ name, subjects: ["message.>"], storage: "file" });
  const js = jetstream(connection);
  for (const { subject, bytes, headers: carried } of frames.map(messageOf))
    await js.publish(subject, bytes, { headers: carried });
  return name;
};

const bytesOf = async (name: string): Promise<number> =>
  (await manager.streams.info(name).catch(() => undefined))?.state.bytes ?? 0;
const before = await bytesOf(contextStream);
const name = settings.form === "chunks" ? await storeChunks() : await storeMessages();
const stored = (await bytesOf(name)) - (settings.form === "chunks" ? before : 0);
if (settings.form === "messages") await manager.streams.delete(name);
await connection.close();
const lines = frames.map(({ bytes }) => Buffer.from(bytes).toString()).join("\n");
report({
  bytesPerFrame: stored / frames.length,
  gzipPerFrame: gzipSync(lines).length / frames.length,
  jsonPerFrame: lines.length / frames.length,
});
