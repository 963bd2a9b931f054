import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startNats } from "#platform/stores/nats.ts";
import type { Bench, Contestant, Staged, Surroundings } from "./harness/bench.ts";
import { runProgram } from "./harness/program.ts";

const FRAMES = 2000;
const PER_EXPORT = 100;
const BYTES = 700;
const ARCHIVED = { frames: 20_000, chars: BYTES, agents: 4, gzip: true };

const contestant = (url: string, form: "chunks" | "messages"): Contestant => {
  let run = 0;
  return {
    name: form,
    measure: () =>
      runProgram("stream-bytes", { url, form, run: (run += 1), frames: FRAMES, bytes: BYTES, perExport: PER_EXPORT }),
  };
};

const stage = async ({ directory }: Surroundings): Promise<Staged> => {
  const nats = await startNats({ dir: join(directory, "nats") });
  return {
    contestants: [
      contestant(nats.url, "chunks"),
      contestant(nats.url, "messages"),
      { name: "archive", measure: () => runProgram("archive-files", ARCHIVED) },
    ],
    figures: [
      {
        id: "P17 stream",
        what: "bytes of the stream's store a frame, beside one message a frame as it was before chunks",
        unit: "B",
        ours: ["chunks", "bytesPerFrame"],
        peer: ["messages", "bytesPerFrame"],
        goal: { kind: "ratioAtMost", must: 0.35, aim: 0.2 },
      },
      {
        id: "P17 gzip",
        what: "the same beside gzip of the frames' JSON lines",
        unit: "B",
        ours: ["chunks", "bytesPerFrame"],
        peer: ["messages", "gzipPerFrame"],
      },
      {
        id: "P17 archive",
        what: "bytes of the archive's files a frame, beside gzip of the frames' JSON lines",
        unit: "B",
        ours: ["archive", "bytesPerFrame"],
        peer: ["archive", "gzipPerFrame"],
        goal: { kind: "ratioAtMost", must: 0.8, aim: 0.5 },
      },
    ],
    conditions: [
      `${FRAMES} frames of one agent whose texts are ${BYTES} characters of source code each, exported ${PER_EXPORT} at a time; the store's own count of bytes.`,
      `The archive: ${ARCHIVED.frames} such frames of ${ARCHIVED.agents} agents, cut as its sink does; with envelopes and hashes, which the JSON lines lack.`,
    ],
    dispose: async () => {
      await nats.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

/** P17: bytes at rest. */
export const bytesBench: Bench = { id: "P17", title: "Bytes at rest", stage };
