import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCollectorPeer } from "./collector-peer.ts";
import {
  chainFault,
  connectWriter,
  killRunning,
  layOutPod,
  producerPart,
  setStage,
  startPodScribe,
  stopScribe,
  thought,
  until,
  type Stage,
} from "./stage.ts";

const KILLS = 50; // `make chaos` kills more

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 60_000);
afterAll(() => stage.remove());

describe("kill -9 of the scribe under load", () => {
  it(`${KILLS} times: every acknowledged frame reaches the collector exactly once, and the chain verifies`, async () => {
    const peer = await startCollectorPeer(stage.tls);
    const pod = await layOutPod(stage, "killed", peer.port);
    const acknowledged = new Map<number, string>();
    let sent = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const scribe = await startPodScribe(stage, pod);
      const writer = await connectWriter(pod.socket);
      const first = sent;
      const burst = 1 + ((kill * 37) % 400);
      for (let n = 0; n < burst * 2; n += 1) writer.write(thought(`frame ${sent++}`));
      await until("some of the burst is acknowledged", () => writer.answers.length >= burst);
      await killRunning(scribe);
      for (const [at, { ok, seq }] of writer.answers.entries()) if (ok) acknowledged.set(seq!, `frame ${first + at}`);
      writer.socket.destroy();
    }
    const last = await startPodScribe(stage, pod);
    expect(await stopScribe(last)).toBe(0);
    await peer.close();
    expect(chainFault(peer.frames)).toBeUndefined(); // also: no seq is missing and none is there twice
    const stored = new Map(peer.frames.map((frame) => [frame.envelope.seq, producerPart(frame).payload["text"]]));
    for (const [seq, text] of acknowledged) expect(stored.get(seq)).toBe(text);
    expect(acknowledged.size).toBeGreaterThanOrEqual(KILLS);
  }, 300_000);
});
