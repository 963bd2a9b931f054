import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderFrameLine } from "#nervous-system/recorder/context-file/frame-line.ts";
import { envelopeText } from "#nervous-system/schemas/envelope.ts";
import { aFrame } from "#test/builders/frame.ts";
import { ownFiles } from "./own-files.ts";

const { envelope, bytes } = aFrame(1, { event_type: "THOUGHT" });
const hash = "a".repeat(64);
const line = renderFrameLine({ envelope, envelopeText: envelopeText(envelope), bytes, prevHash: hash, hash });

let top: string;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "own-files-"));
  await mkdir(join(top, "src"));
  for (const name of ["enchanted-00000001", "tmp-1"]) await mkdir(join(top, name));
  await symlink("src", join(top, "enchanted-00000002"));
  const texts = {
    "empty.jsonl": "",
    "whole.jsonl": `{"an":"old line"}\n${line}\n`,
    "written.jsonl": `${line}\n${line.slice(0, 40)}`,
    "package.json": "{\n}\n",
    "src/main.ts": "export {};\n",
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(top, name), text);
  await symlink("src/main.ts", join(top, "link.jsonl"));
});
afterEach(() => rm(top, { recursive: true }));

describe("what another run may have hidden in a work tree", () => {
  const isHidden = async (note: { record?: string; directories?: string[] }, path: string): Promise<boolean> => {
    const env = { HOME: join(top, "home") };
    const own = { record: join(top, "own"), directories: [] };
    const { record = "none", directories = [] } = note;
    const other = { record: join(top, record), directories: directories.map((name) => join(top, name)) };
    return (await ownFiles(top, { env }, own, [other]))(path);
  };

  it.each(["empty.jsonl", "whole.jsonl", "written.jsonl"])("its record: %s", async (record) => {
    expect(await isHidden({ record }, record)).toBe(true);
  });

  it.each([
    ["package.json", "package.json"],
    ["src/main.ts", "src/main.ts"],
    ["src", "src/main.ts"],
    ["link.jsonl", "src/main.ts"],
  ])("no file that is none, whatever its note names: %s", async (record, path) => {
    expect(await isHidden({ record }, path)).toBe(false);
  });

  it.each([
    ["enchanted-00000001", "enchanted-00000001/index", true],
    ["enchanted-00000002", "src/main.ts", false],
    ["src", "src/main.ts", false],
    ["tmp-1", "tmp-1/x", false],
  ])("its private directory, and no other: %s", async (name, path, is) => {
    expect(await isHidden({ directories: [name] }, path)).toBe(is);
  });
});
