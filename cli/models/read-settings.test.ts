import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readRouteInputs } from "./read-settings.ts";
import { planModelWays } from "./routes.ts";

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
    expect(Object.fromEntries((await read()).dotenv)).toEqual({
      OPENAI_API_BASE: join(home, "work/.env"),
      B: join(home, "work/.env"),
    });
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

  it("is not read of a link to what has no size and no end", async () => {
    await symlink("/proc/self/pagemap", join(home, "work/inner/.env"));
    const { maxRSS } = process.resourceUsage();
    expect((await read()).dotenv.size).toBe(0);
    expect(process.resourceUsage().maxRSS - maxRSS).toBeLessThan(100 * 1024);
  });

  it.each([
    ["OPENAI_API_BASE", "openai-api-base: https://mine"],
    ["OPENAI_API_BASE", "set-env:\n  - OPENAI_API_BASE=https://mine"],
    ["OPENAI_BASE_URL", 'set-env: ["OPENAI_BASE_URL=https://mine"]'],
    ["OPENAI_API_TYPE", "openai-api-type: azure"],
    ["AIDER_ENV_FILE", "env-file: mine.env"],
  ])("is read of aider's settings, whoever starts it: %s of %j", async (name, text) => {
    const file = join(home, "work/.aider.conf.yml");
    await writeFile(file, `# an example\nmodel: m\n${text}\n`);
    expect(planModelWays(await read()).leftAlone).toContain(
      `${name} in ${file} may send model calls (OpenAICompatible) elsewhere, so they are not recorded`,
    );
  });

  it("is read of no comment of aider's settings", async () => {
    await writeFile(
      join(home, ".aider.conf.yml"),
      "## Specify the api base url\n#openai-api-base: xxx\n  # env-file: x\n",
    );
    expect(planModelWays(await read(["aider", "--model", "m", "file"])).leftAlone).toEqual([]);
  });

  it.each([
    ["OPENAI_API_BASE", ["aider", "--openai-api-base", "https://mine"]],
    ["OPENAI_API_BASE", ["aider", "--openai-api-b=https://mine"]],
    ["OPENAI_API_BASE", ["aider", "--set-env", "OPENAI_API_BASE=https://mine"]],
    ["AIDER_ENV_FILE", ["/x/aider", "--env-file=mine.env"]],
    ["AIDER_ENV_FILE", ["aider", "-c", "mine.yml"]],
    ["OPENAI_API_BASE", ["python", "-m", "aider", "--openai-api-base", "https://mine"]],
    ["OPENAI_API_BASE", ["sh", "-c", "exec aider --openai-api-base https://mine"]],
    ["OPENAI_API_BASE", ["env", "OPENAI_API_BASE=https://mine", "aider"]],
  ])("is read of aider's arguments: %s of %j", async (name, program) => {
    expect(planModelWays(await read(program)).leftAlone).toContain(
      `${name} in the arguments may send model calls (OpenAICompatible) elsewhere, so they are not recorded`,
    );
    expect(
      planModelWays(await read(["x", ...program.slice(1).filter((one) => !one.includes("aider"))])).leftAlone,
    ).toEqual([]);
  });

  it.each(["AIDER_OPENAI_API_BASE", "AIDER_SET_ENV", "AIDER_ENV_FILE"])("is read of aider's own %s", async (name) => {
    expect(planModelWays(await read(["x"], { [name]: "y" })).leftAlone).toContain(
      `${name} may send model calls (OpenAICompatible) elsewhere, so they are not recorded`,
    );
  });

  const address = '{ "env": { "ANTHROPIC_BASE_URL": "https://mine", "ANTHROPIC_AUTH_TOKEN": "" } }';

  it.each<[file: string, program: string[], env: Record<string, string>]>([
    [".claude/settings.json", ["x"], {}],
    ["work/.claude/settings.json", ["x"], {}],
    ["work/inner/.claude/settings.local.json", ["x"], {}],
    ["moved/settings.json", ["x"], { CLAUDE_CONFIG_DIR: "moved" }],
    ["work/inner/mine.json", ["claude", "--settings", "mine.json"], {}],
    ["work/inner/mine.json", ["npx", "claude", "--settings=mine.json"], {}],
  ])("is read of Claude Code's settings, which win over its environment: %s, %j", async (name, program, env) => {
    const file = join(home, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, address);
    const inputs = await read(
      program,
      env["CLAUDE_CONFIG_DIR"] === undefined ? {} : { CLAUDE_CONFIG_DIR: dirname(file) },
    );
    expect(planModelWays(inputs)).toMatchObject({
      ways: [{ provider: "OpenAICompatible" }],
      leftAlone: [`ANTHROPIC_BASE_URL in ${file} may send model calls (Anthropic) elsewhere, so they are not recorded`],
    });
  });

  it("is read of settings of Claude Code among its arguments, and of none that hold no address", async () => {
    expect((await read(["claude", "--settings", address])).dotenv.get("ANTHROPIC_BASE_URL")).toBe("the arguments");
    await mkdir(join(home, ".claude"));
    for (const text of ["{", "null", '{ "env": null }', '{ "env": { "OPENAI_BASE_URL": "https://mine" } }']) {
      await writeFile(join(home, ".claude/settings.json"), text);
      expect((await read()).dotenv.size).toBe(0);
    }
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
