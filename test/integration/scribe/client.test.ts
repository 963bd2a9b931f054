import { beforeAll, describe, expect, it, jest } from "@jest/globals";
import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildClient } from "#platform/client/build.ts";
import { sceneForEachTest } from "./scene.ts";
import { chainFault, killRunning, start, thoughtTexts, until, type Running } from "./stage.ts";

jest.setTimeout(120_000);

const root = new URL("../../..", import.meta.url).pathname;

/** A program of somebody else: plain JavaScript beside an installed package. */
const PROGRAM = `
import { createContextClient } from "enchanted-client";
const [directory, from, to, how = "close"] = process.argv.slice(2);
const client = await createContextClient({ directory });
let waits = 0;
for (let n = Number(from); n < Number(to); n += 1) {
  const wait = client.record({ event_type: "THOUGHT", payload: { text: "n" + n, more: { list: [n, "x".repeat(500)] } } });
  if (wait !== undefined) {
    waits += 1;
    await wait;
  }
  if (n % 100 === 99) {
    await client.flush();
    console.log("flushed " + n);
  } else if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
}
console.log("waits " + waits);
if (how === "stay") setInterval(() => undefined, 1000);
if (how === "close") {
  const handedOver = await client.handOver(30000);
  console.log("closed " + handedOver + " " + (await client.close()));
}
`;

const scene = sceneForEachTest();
beforeAll(async () => {
  await buildClient(root, join(scene.stage.dir, "client"));
  await mkdir(join(scene.stage.dir, "node_modules"));
  await symlink(join(scene.stage.dir, "client"), join(scene.stage.dir, "node_modules", "enchanted-client"));
  await writeFile(join(scene.stage.dir, "program.mjs"), PROGRAM);
}, 60_000);

const run = (from: number, to: number, how = "close"): Running =>
  start(
    process.execPath,
    [join(scene.stage.dir, "program.mjs"), join(scene.pod.dir, "client-log"), `${from}`, `${to}`, how],
    scene.pod.env,
  );
const texts = (): unknown[] => thoughtTexts(scene.peer.frames);
const all = (to: number): string[] => Array.from({ length: to }, (_, n) => `n${n}`);
const flushedOf = (program: Running): number =>
  Number(
    program
      .output()
      .match(/flushed \d+/g)
      ?.at(-1)
      ?.slice(8) ?? -1,
  );

describe("the published client", () => {
  it("keeps what its program's environment holds of secrets out of the record", async () => {
    await scene.startScribe();
    const telling = PROGRAM.replace('"n" + n', '"it is " + process.env.SHOP_TOKEN');
    const file = join(scene.stage.dir, "telling.mjs");
    await writeFile(file, telling);
    const program = start(process.execPath, [file, join(scene.pod.dir, "client-log"), "0", "1"], {
      ...scene.pod.env,
      SHOP_TOKEN: "correct-horse-7",
    });
    expect(await program.ended).toBe(0);
    await until("it is told", () => texts().length === 1);
    expect(texts()).toEqual(["it is [redacted:SHOP_TOKEN]"]);
  });

  it("brings every frame once and in order while the scribe is killed and returns", async () => {
    await scene.startScribe();
    const program = run(0, 6000);
    for (const at of [500, 2000, 3500]) {
      await until(`frame ${at} is flushed`, () => flushedOf(program) >= at);
      await killRunning(scene.scribe);
      await until(`frame ${at + 500} is flushed without a scribe`, () => flushedOf(program) >= at + 500);
      await scene.startScribe();
    }
    expect(await program.ended).toBe(0);
    expect(program.output()).toMatch(/closed true true/);
    await until("everything arrived", () => texts().length >= 6000);
    expect(texts()).toEqual(all(6000));
    expect(chainFault(scene.peer.frames)).toBeUndefined();
  });

  it("keeps what was flushed when it is killed without a scribe, and hands it over in its next life", async () => {
    const program = run(0, 1000, "stay");
    await until("all is flushed", () => flushedOf(program) === 999);
    await killRunning(program);
    await scene.startScribe();
    expect(texts()).toEqual([]);
    const second = run(1000, 1100);
    expect(await second.ended).toBe(0);
    await until("everything arrived", () => texts().length >= 1100);
    expect(texts()).toEqual(all(1100));
  });

  it("loses nothing flushed and doubles nothing, killed at any moment, again and again, with the scribe too", async () => {
    await scene.startScribe();
    let from = 0;
    for (const round of [1, 2, 3, 4, 5, 6]) {
      const program = run(from, from + 5000);
      await until("something is flushed", () => flushedOf(program) >= from + 99 * (round % 3));
      if (round % 2 === 0) await killRunning(scene.scribe);
      await killRunning(program);
      if (round % 2 === 0) await scene.startScribe();
      const last = flushedOf(program);
      const next = run(last + 5000, last + 5001);
      expect(await next.ended).toBe(0);
      await until("the next life's frame arrived", () => texts().includes(`n${last + 5000}`));
      const numbers = texts().map((text) => Number(String(text).slice(1)));
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      for (let n = from; n <= last; n += 1) expect(numbers).toContain(n);
      from = last + 10_000;
    }
  });

  // What a call costs is measured beside another recorder, by `make bench ONLY=P15`.
  it("never makes a program wait that lets it have turns, and lets it end by itself", async () => {
    await scene.startScribe();
    for (const round of [0, 1, 2]) {
      const program = run(round * 5000, round * 5000 + 5000, "leave");
      expect(await program.ended).toBe(0);
      expect(program.output()).toMatch(/waits 0$/m);
    }
    await until("everything arrived", () => texts().length >= 15_000);
    expect(new Set(texts()).size).toBe(15_000);
  });

  it("declares what it is to TypeScript", async () => {
    await writeFile(
      join(scene.stage.dir, "consumer.mts"),
      `import { createContextClient, type ContextClient } from "enchanted-client";
const client: ContextClient = await createContextClient({ directory: "x", redact: [{ name: "a", pattern: "b" }] });
const wait: void | Promise<void> = client.record({ event_type: "THOUGHT", payload: { text: "t" } });
await wait;
// @ts-expect-error: a frame has a type
void client.record({ payload: {} });
const whole: boolean = await client.close(1);
if (!whole) throw new Error("lost");
`,
    );
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const options = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--skipLibCheck",
    ];
    const checked = promisify(execFile)(process.execPath, [compiler, ...options, "consumer.mts"], {
      cwd: scene.stage.dir,
    });
    await expect(checked).resolves.toMatchObject({ stdout: "" });
  });
});
