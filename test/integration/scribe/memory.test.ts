import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { readFile } from "node:fs/promises";
import { connectFrameSocket, type FrameEncoding } from "#nervous-system/comms/socket-ipc.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { imageEnvironment } from "./image-environment.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import { connectWriter, layOutPod, setStage, startPodScribe, stopScribe, thought, until, type Stage } from "./stage.ts";

jest.setTimeout(120_000);

const LIMIT_MIB = 96;

let stage: Stage;
let peer: CollectorPeer;
beforeAll(async () => {
  stage = await setStage();
  peer = await startCollectorPeer(stage.tls);
});
afterAll(async () => {
  await peer.close();
  await stage.remove();
});

type Load = { send(text: string): void; answered(count: number): Promise<void>; close(): void };

const openLoad = async (encoding: FrameEncoding, path: string): Promise<Load> => {
  if (encoding === "json") {
    const writer = await connectWriter(path);
    return {
      send: (text) => writer.write(thought(text)),
      answered: writer.answered,
      close: () => void writer.socket.destroy(),
    };
  }
  const socket = await connectFrameSocket({ path, clock: systemClock(), encoding });
  let acknowledged = 0;
  return {
    send: (text) =>
      void socket.send({ event_type: "THOUGHT", payload: { text } }).then(({ ok }) => (acknowledged += Number(ok))),
    answered: (count) => until(`${count} acknowledgements`, () => acknowledged >= count),
    close: () => void socket.close(),
  };
};

describe("the memory of a scribe", () => {
  it.each<[FrameEncoding]>([["json"], ["protobuf"]])(
    `stays below ${LIMIT_MIB} MiB under a load of small and of large frames in %s`,
    async (encoding) => {
      const uid = stableId("memory", encoding);
      const pod = await layOutPod(stage, encoding, peer.port, {
        ...(await imageEnvironment()),
        ENCHANTED_AGENT_UID: uid,
      });
      const scribe = await startPodScribe(stage, pod);
      let peakKib = 0;
      const measure = async (): Promise<void> => {
        const status = await readFile(`/proc/${scribe.process.pid}/status`, "utf8");
        peakKib = Math.max(peakKib, Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]));
      };
      const writers = await Promise.all(Array.from({ length: 8 }, () => openLoad(encoding, pod.socket)));
      let sent = 0;
      const burst = async (count: number, bytes: number): Promise<void> => {
        for (const writer of writers) {
          for (let n = 0; n < count; n += 1) writer.send("x".repeat(bytes));
        }
        sent += count;
        for (const writer of writers) {
          await writer.answered(sent);
          await measure();
        }
      };
      for (let round = 0; round < 5; round += 1) await burst(200, 1000);
      for (let round = 0; round < 3; round += 1) await burst(10, 200 * 1024);
      for (const writer of writers) writer.close();
      expect(await stopScribe(scribe)).toBe(0);
      expect(peer.frames.filter(({ envelope }) => envelope.agent_uid === uid)).toHaveLength(8 * sent + 3);
      expect(peakKib / 1024).toBeGreaterThan(10);
      expect(peakKib / 1024).toBeLessThan(LIMIT_MIB);
    },
  );
});
