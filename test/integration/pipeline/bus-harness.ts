import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { createBus, type Bus } from "#nervous-system/comms/nats/bus.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { deadStream, letterHeaders } from "#nervous-system/schemas/subjects.ts";
import { startNats, type NatsServer } from "#platform/stores/nats.ts";

/** A stack of things to end when a test is over, last first. */
export type Cleanup = {
  add(clean: () => Promise<unknown> | void): void;
  run(): Promise<void>;
};

/** Creates an empty stack. */
export const createCleanup = (): Cleanup => {
  const cleanups: Array<() => Promise<unknown> | void> = [];
  return {
    add: (clean) => void cleanups.push(clean),
    run: async () => {
      for (const clean of cleanups.splice(0).toReversed()) await clean();
    },
  };
};

/** A fresh directory that is gone after the test. */
export const temporaryDirectory = async (cleanup: Cleanup): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "enchanted-pipeline-"));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

/** A NATS server that flushes before it acknowledges. */
export const startTestNats = async (cleanup: Cleanup): Promise<NatsServer> => {
  const nats = await startNats({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => nats.stop());
  return nats;
};

/** A bus with its streams on a server, that of frames as large as its storage or `maxBytes`. */
export const connectTestBus = async (nats: NatsServer, cleanup: Cleanup, maxBytes?: number): Promise<Bus> => {
  const bus = await createBus({
    servers: nats.url,
    name: "test",
    log: silentLog,
    clock: systemClock(),
    random: Math.random,
    ids: randomIds(),
  });
  cleanup.add(() => bus.close());
  await bus.ensureStreams({ replicas: 1, maxBytes });
  return bus;
};

/** The first `count` frames of the stream from a place on, in its order; all that it holds now without a count. */
export const readFrames = async (bus: Bus, count = Infinity, from = 0): Promise<StoredFrame[]> => {
  const { place: newest, hash } = await bus.newest();
  const last = count === Infinity ? newest : Infinity;
  const abort = new AbortController();
  const frames: StoredFrame[] = [];
  if (count === 0 || (count === Infinity && hash === "")) return frames;
  for await (const { item } of bus.follow({ signal: abort.signal, from })) {
    if (item.kind === "poison") throw new Error(item.poison.reason);
    frames.push(item.frame);
    if (frames.length === count || item.frame.place >= last) break;
  }
  abort.abort();
  return frames;
};

/** How many frames the stream holds now. */
export const countFrames = async (bus: Bus): Promise<number> => (await readFrames(bus)).length;

/** A dead letter as people find it. */
export type FoundLetter = { subject: string; agentUid: string; reason: string; text: string };

/** Every dead letter of a server. */
export const deadLettersOf = async (nats: NatsServer): Promise<FoundLetter[]> => {
  const connection = await connect({ servers: nats.url });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(deadStream);
    const letters: FoundLetter[] = [];
    for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
      const letter = await manager.streams.getMessage(deadStream, { seq });
      if (letter === null) continue;
      const { subject, header, data } = letter;
      const [reason, uid] = [header.get(letterHeaders.reason), header.get(letterHeaders.agentUid)];
      letters.push({ subject, agentUid: uid, reason, text: Buffer.from(data).toString() });
    }
    return letters;
  } finally {
    await connection.close();
  }
};
