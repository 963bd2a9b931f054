import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { renderImageTag } from "./builder.ts";
import { packContext } from "./context.ts";

describe("renderImageTag", () => {
  const recipe = { dockerfile: "FROM scratch", buildArgs: { BASE: "a" } };
  it("changes with Dockerfile, arguments and content, and with nothing else", () => {
    const tags = [
      renderImageTag(recipe, "c"),
      renderImageTag({ ...recipe, dockerfile: "FROM x" }, "c"),
      renderImageTag({ ...recipe, buildArgs: { BASE: "b" } }, "c"),
      renderImageTag(recipe, "d"),
    ];
    expect(new Set(tags).size).toBe(4);
    expect(renderImageTag(structuredClone(recipe), "c")).toBe(tags[0]);
  });
});

describe("packContext", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "context-test-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("makes the same bytes of the same content, whenever it was written", async () => {
    const file = join(dir, "main.js");
    const pack = async (content: string, time: number): Promise<string> => {
      await writeFile(file, content);
      await utimes(file, time, time);
      await using packed = await packContext({ dockerfile: "FROM scratch", files: { "dist/main.js": file } });
      return packed.sha256;
    };
    const first = await pack("one", 1_000);
    expect(await pack("one", 2_000)).toBe(first);
    expect(await pack("two", 1_000)).not.toBe(first);
  });
});
