import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdir, rm, statfs, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { sceneForEachTest } from "./scene.ts";
import {
  chainFault,
  connectWriter,
  killRunning,
  stopScribe,
  thought,
  thoughtTexts,
  until,
  type Writer,
} from "./stage.ts";

jest.setTimeout(120_000);

const scene = sceneForEachTest({ ENCHANTED_DRAIN_MS: "20000" });
afterEach(() => void execFileSync("umount", [scene.pod.env["ENCHANTED_WAL_DIR"]!]));

const BYTES = 8 * 1024 * 1024;

const mountTmpfs = async (at: string): Promise<void> => {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${BYTES}`, "tmpfs", at]);
};
const mountExt4 = async (at: string): Promise<void> => {
  const image = `${at}.img`;
  await writeFile(image, "");
  await truncate(image, BYTES);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
  execFileSync("mount", ["-o", "loop", image, at]);
};
const kinds = [
  ["tmpfs", mountTmpfs],
  ...(existsSync("/dev/loop-control") ? [["ext4", mountExt4] as const] : []),
] as const;

const ballast = (): string => join(scene.pod.env["ENCHANTED_WAL_DIR"]!, "ballast");
/** Writes until the file system takes no more, but for the last `leave` bytes. */
const fill = async (leave: number): Promise<void> => {
  const { bavail, bsize } = await statfs(scene.pod.env["ENCHANTED_WAL_DIR"]!);
  await appendFile(ballast(), Buffer.alloc(Math.max(0, bavail * bsize - leave))).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  });
};

/** What the scribe says of itself. */
const readiness = async (): Promise<string> =>
  (await fetch(`http://127.0.0.1:${scene.pod.env["ENCHANTED_METRICS_PORT"]}/readyz`)).text();

const FIRST = 50;
const LINES = 1000;
const lines = (name: string, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, n) => thought(`${name}/${from + n}/${"x".repeat(1000)}`)).join("");
const texts = (): string[] => thoughtTexts(scene.peer.frames).map((text) => String(text).split("/x")[0]!);
const expected = (name: string): string[] => Array.from({ length: LINES }, (_, n) => `${name}/${n}`);

describe.each(kinds)("on a %s that is really full", (_name, mountAt) => {
  const down = new GrpcFailure(grpcStatus.unavailable, "down");
  let writers: Writer[];
  const answered = (): number => writers.reduce((sum, { answers }) => sum + answers.length, 0);

  beforeEach(async () => {
    await mkdir(scene.pod.env["ENCHANTED_WAL_DIR"]!, { recursive: true });
    await mountAt(scene.pod.env["ENCHANTED_WAL_DIR"]!);
    scene.peer.failure = down;
    await scene.startScribe();
    writers = await Promise.all([connectWriter(scene.pod.socket), connectWriter(scene.pod.socket)]);
    writers.forEach((writer, at) => writer.write(lines(`w${at}`, 0, FIRST)));
    await Promise.all(writers.map((writer) => writer.answered(FIRST)));
    await fill(300 * 1024);
    writers.forEach((writer, at) => writer.write(lines(`w${at}`, FIRST, LINES)));
    await until("the disk is full", async () => (await readiness()).includes("no space left"));
  });
  afterEach(() => {
    for (const { socket } of writers) socket.destroy();
  });

  it("writers wait, nothing that was acknowledged is lost, and all goes on when room is made", async () => {
    expect(answered()).toBeLessThan(2 * LINES);
    await until("the log says why writers wait", () => /writers wait: .*no space left/.test(scene.scribe.output()));
    await rm(ballast());
    await Promise.all(writers.map((writer) => writer.answered(LINES)));
    expect(writers.flatMap(({ answers }) => answers).every(({ ok }) => ok)).toBe(true);
    await until("the log says that they go on", () => scene.scribe.output().includes("takes frames again"));
    scene.peer.failure = undefined;
    expect(await stopScribe(scene.scribe)).toBe(0);
    expect(texts().toSorted()).toEqual([...expected("w0"), ...expected("w1")].toSorted());
    expect(texts().filter((text) => text.startsWith("w0"))).toEqual(expected("w0"));
    expect(chainFault(scene.peer.frames)).toBeUndefined();
  });

  it("a scribe that is killed there starts again without room, hands over what it acknowledged, and takes more when there is room", async () => {
    await killRunning(scene.scribe);
    await fill(0);
    const acknowledged = writers.map(({ answers }) => answers.filter(({ ok }) => ok).length);
    scene.peer.failure = undefined;
    await scene.startScribe();
    await until("what was acknowledged arrived", () => texts().length >= acknowledged.reduce((a, b) => a + b));
    const again = await connectWriter(scene.pod.socket);
    again.write(thought("again/x"));
    await until("the disk is full again", async () => (await readiness()).includes("no space left"));
    expect(again.answers).toEqual([]);
    await rm(ballast());
    await again.answered(1);
    expect(again.answers[0]).toMatchObject({ ok: true });
    again.socket.destroy();
    expect(await stopScribe(scene.scribe)).toBe(0);
    acknowledged.forEach((count, at) => {
      const own = texts().filter((text) => text.startsWith(`w${at}`));
      expect(own.slice(0, count)).toEqual(expected(`w${at}`).slice(0, count));
      expect(new Set(own).size).toBe(own.length);
    });
    expect(chainFault(scene.peer.frames)).toBeUndefined();
  });
});
