import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { createPresses } from "#test/builders/presses.ts";
import { freePort } from "#platform/process/ports.ts";
import { largeBlob } from "./collector-peer.ts";
import { imageEnvironment } from "./image-environment.ts";
import { sceneForEachTest } from "./scene.ts";
import { connectWriter, thought } from "./stage.ts";

jest.setTimeout(120_000);

const scene = sceneForEachTest({
  ...(await imageEnvironment()),
  ENCHANTED_PROXY_PORT: String(await freePort()),
});

// The container has 160, of which the kernel takes a part.
const LIMIT_MIB = 150;
const presses = createPresses({
  portOf: (name) => Number(scene.pod.env[`ENCHANTED_${name}_PORT`]),
  socket: () => scene.pod.socket,
  largeBlob,
});
afterEach(presses.letGo);

const ownMemory = async (): Promise<number> => {
  const status = await readFile(`/proc/${scene.scribe.process.pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
};

describe("a pod that presses on the scribe", () => {
  it.each([...presses.all, ["all of that at once", () => presses.all.forEach(([, press]) => press())] as const])(
    "with %s takes no more memory than there is",
    async (_, press) => {
      await scene.startScribe();
      const writer = await connectWriter(scene.pod.socket);
      press();
      let peak = 0;
      for (let n = 0; n < 100; n += 1) {
        peak = Math.max(peak, await ownMemory());
        await new Promise((go) => setTimeout(go, 20));
      }
      writer.write(thought("still here"));
      await writer.answered(1);
      writer.socket.destroy();
      expect(peak).toBeLessThan(LIMIT_MIB);
    },
  );
});
