import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { chown, link, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { hideRecord } from "./hide-record.ts";

let place: string;
const exclude = (): string => join(place, "tree/.git/info/exclude");
const precious = (): string => join(place, "precious");
const hide = (): Promise<void> => {
  const env = { PATH: process.env["PATH"], HOME: place };
  return hideRecord({ env, clock: systemClock() }, join(place, "tree/record"));
};

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "hide-"));
  await mkdir(join(place, "tree"));
  execFileSync("git", ["init", "-q"], { cwd: join(place, "tree") });
  await writeFile(precious(), "mine\n");
});
afterEach(() => rm(place, { recursive: true }));

describe("hiding a record", () => {
  it("makes the file of rules where there is none", async () => {
    await rm(join(place, "tree/.git/info"), { recursive: true });
    await hide();
    expect(await readFile(exclude(), "utf8")).toContain("/record\n");
  });

  it.each([
    ["a link", symlink],
    ["another name", link],
  ])("writes nothing to a file that the rules are %s of", async (_, make) => {
    await rm(exclude());
    await make(precious(), exclude());
    await hide().catch(() => undefined);
    expect(await readFile(precious(), "utf8")).toBe("mine\n");
  });

  it.each([".gitignore", ".git/info/exclude"])(
    "waits for no FIFO in place of %s",
    async (name) => {
      await rm(join(place, "tree", name), { force: true });
      execFileSync("mkfifo", [join(place, "tree", name)]);
      const over = (): string => "over";
      expect(await hide().then(over, over)).toBe("over");
    },
    30_000, // Git alone would wait for ever
  );

  // Only root can give a directory away.
  const asRoot = process.getuid?.() === 0 ? it : it.skip;
  asRoot("does not touch a repository of another user", async () => {
    const before = await readFile(exclude(), "utf8");
    for (const name of ["tree", "tree/.git"]) await chown(join(place, name), 65_534, 65_534);
    await expect(hide()).rejects.toThrow(/dubious ownership.*git config --global --add safe\.directory/);
    expect(await readFile(exclude(), "utf8")).toBe(before);
  });
});
