import { once } from "node:events";
import { freePort } from "#platform/process/ports.ts";
import { request } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { readFile } from "node:fs/promises";
import { connectFrameSocket, type FrameEncoding } from "#nervous-system/comms/socket/socket-ipc.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import { imageEnvironment } from "./image-environment.ts";
import { startCollectorPeer, type CollectorPeer } from "./collector-peer.ts";
import {
  connectWriter,
  layOutPod,
  setStage,
  startPodScribe,
  stopScribe,
  thought,
  until,
  type Running,
  type Stage,
} from "./stage.ts";
import { startTunnelPeer } from "./tunnel-peer.ts";

jest.setTimeout(120_000);

const LIMIT_MIB = 96;

/** The scribe's own memory, in MiB. */
const ownMemory = async ({ process }: Running): Promise<number> => {
  const status = await readFile(`/proc/${process.pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
};

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
        // On whatever machine: all is brought in, and no beat is counted with it.
        ENCHANTED_DRAIN_MS: "120000",
        ENCHANTED_HEARTBEAT_MS: "600000",
      });
      const scribe = await startPodScribe(stage, pod);
      let peak = 0;
      const measure = async (): Promise<void> => {
        peak = Math.max(peak, await ownMemory(scribe));
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
      expect(peak).toBeGreaterThan(10);
      expect(peak).toBeLessThan(LIMIT_MIB);
    },
  );

  it(`stays below ${LIMIT_MIB} MiB while every tunnel of the proxy port is full in both directions`, async () => {
    const gateway = await startTunnelPeer(stage.tls);
    const proxyPort = await freePort();
    const pod = await layOutPod(stage, "tunnels", peer.port, {
      ...(await imageEnvironment()),
      ENCHANTED_AGENT_UID: stableId("memory", "tunnels"),
      ENCHANTED_GATEWAY: `127.0.0.1:${gateway.port}`,
      ENCHANTED_PROXY_PORT: String(proxyPort),
    });
    const scribe = await startPodScribe(stage, pod);
    const bytes = 4 * 1024 * 1024;
    let back = 0;
    const tunnels = await Promise.all(
      Array.from({ length: 32 }, async () => {
        const asked = request({ host: "127.0.0.1", port: proxyPort, method: "CONNECT", path: "a.example:443" }).end();
        const [, socket] = (await once(asked, "connect")) as [unknown, Socket];
        // Nothing is read at first, so that every buffer on the way fills.
        socket.write(Buffer.alloc(bytes));
        return socket;
      }),
    );
    let peak = 0;
    const measure = async (): Promise<void> => {
      peak = Math.max(peak, await ownMemory(scribe));
    };
    for (let n = 0; n < 100; n += 1) await measure();
    for (const socket of tunnels) socket.on("data", (chunk: Buffer) => (back += chunk.length));
    await until("everything is back", async () => {
      await measure();
      return back === tunnels.length * bytes;
    });
    for (const socket of tunnels) socket.destroy();
    expect(await stopScribe(scribe)).toBe(0);
    gateway.close();
    expect(peak).toBeGreaterThan(10);
    expect(peak).toBeLessThan(LIMIT_MIB);
  });
});
