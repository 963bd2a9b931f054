// P13 and P17, our side: frames of a few agents become files as the archive's sink cuts them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { encodeFile } from "#pipeline/siphon/archive/encode-file.ts";
import { archive } from "#pipeline/siphon/archive/sink.ts";
import { programSettings, report } from "../harness/program.ts";
import { sourceFrames } from "../harness/source-frames.ts";

/** Where to put the files, for the peer to read, and whether gzip of the frames' lines is wanted beside. */
type Settings = { frames: number; chars: number; agents: number; directory?: string; gzip?: boolean };

const { frames: count, chars, agents, directory, gzip = false } = programSettings() as Settings;
const chains = Array.from({ length: agents }, (_, agent) =>
  sourceFrames({
    agent,
    count: Math.ceil(count / agents),
    chars,
    files: "nervous-system/**/*.ts",
    skip: agent * 104_729,
  }),
);
const { maxFrames, maxBytes } = archive.limits;
const bytesOf = ({ bytes, envelopeText }: StoredFrame): number => bytes.length + envelopeText.length;

/** The agents' frames by turns of a hundred, as their chunks come, cut as the sink does. */
const cutBatches = (): StoredFrame[][] => {
  const batches: StoredFrame[][] = [[]];
  let [place, bytes] = [512, 0];
  const take = (frame: StoredFrame): void => {
    if (batches.at(-1)!.length === maxFrames || bytes >= maxBytes) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(frame);
    bytes += bytesOf(frame);
  };
  for (let at = 0; at < count / agents; at += 100)
    for (const chain of chains)
      for (const frame of chain.slice(at, at + 100))
        take({ ...frame, place: (place += 1), storedNs: 1_763_701_175_000_000_000n + BigInt(place) });
  return batches;
};

const linesOf = (all: readonly StoredFrame[]): string =>
  all.map((frame) => `${Buffer.from(frame.bytes).toString()}\n`).join("");

const batches = cutBatches();
const encode = (frames: readonly StoredFrame[]): Uint8Array => {
  const cut = { stream: "bench", from: frames[0]!.place, to: frames.at(-1)!.place, hash: frames.at(-1)!.hash };
  return encodeFile({ cut, frames });
};

encode(batches[0]!); // a siphon has been at it for long
globalThis.gc?.();
const before = process.cpuUsage();
let bytes = 0;
for (const [n, frames] of batches.entries()) {
  const file = encode(frames);
  bytes += file.length;
  if (directory !== undefined) writeFileSync(join(directory, `${n}.parquet`), file);
}
const { user, system } = process.cpuUsage(before);
const all = batches.flat();
report({
  rowsPerCpuSecond: all.length / ((user + system) / 1e6),
  bytesPerFrame: bytes / all.length,
  ...(gzip ? { gzipPerFrame: gzipSync(linesOf(all)).length / all.length } : {}),
});
