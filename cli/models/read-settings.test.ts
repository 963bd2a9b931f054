import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readRouteInputs } from "./read-settings.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "enchanted-settings-"));
  await mkdir(join(home, "work/inner"), { recursive: true });
  await mkdir(join(home, ".codex"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const read = (program: readonly string[] = ["x"], env: Record<string, string> = {}) =>
  readRouteInputs({ env: { HOME: home, ...env }, cwd: join(home, "work/inner") }, program);

describe("what decides where calls of models go", () => {
  it("is read of files of variables in the directory and above it, names only", async () => {
    await writeFile(join(home, "work/.env"), "# A=1\nexport OPENAI_API_BASE = https://mine\nEMPTY=\nB=2\n");
    await writeFile(join(home, ".env"), "B=3\n");
    expect([...(await read()).dotenv]).toEqual([
      ["OPENAI_API_BASE", join(home, "work/.env")],
      ["B", join(home, "work/.env")],
    ]);
  });

  it.each([
    ["a colon", "OPENAI_BASE_URL: http://mine"],
    ["a byte order mark", "\uFEFFOPENAI_BASE_URL=http://mine"],
    ["quotes", "'OPENAI_BASE_URL'=http://mine"],
    ["quotes behind export", 'export\t"OPENAI_BASE_URL" = http://mine'],
    ["a form feed", "\fOPENAI_BASE_URL=http://mine"],
    ["an old end of line", "A=1\rOPENAI_BASE_URL=http://mine"],
    ["its value in the next line", "OPENAI_BASE_URL=\n'http://mine'"],
  ])("is read of files of variables as their most tolerant readers do: %s", async (_, text) => {
    await writeFile(join(home, "work/inner/.env.local"), `${text}\n`);
    expect((await read()).dotenv.get("OPENAI_BASE_URL")).toBe(join(home, "work/inner/.env.local"));
  });

  it("is not read of a pipe, which would wait for ever or hand out its secrets but once", async () => {
    for (const file of ["work/.env", ".codex/config.toml"]) execFileSync("mkfifo", [join(home, file)]);
    const { dotenv, codex } = await read(["/usr/bin/codex"]);
    expect(dotenv.size).toBe(0);
    expect(codex).toMatchObject({ kind: "left alone", why: `${join(home, ".codex/config.toml")} cannot be read` });
  });

  it("is read of codex's settings where the program is codex", async () => {
    await writeFile(join(home, ".codex/config.toml"), 'openai_base_url = "https://mine"');
    expect((await read(["codex", "exec"])).codex).toMatchObject({ base: "https://mine" });
    await mkdir(join(home, "other"));
    await writeFile(join(home, "other/config.toml"), 'openai_base_url = "https://other"');
    const moved = await read(["codex"], { CODEX_HOME: join(home, "other") });
    expect(moved.codex).toMatchObject({ kind: "left alone", why: expect.stringContaining("both choose its provider") });
    expect((await read(["bash", "codex"])).codex).toBeUndefined();
  });
});
