import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { run, tryRun } from "../process/run.ts";
import { MINIMUM_GO, type GoTool } from "../versions.ts";
import { renderCacheKey } from "./cache-key.ts";

/** Compares two dotted versions: whether `found` is `wanted` or newer. */
export const isAtLeast = (found: string, wanted: string): boolean => {
  const [a, b] = [found, wanted].map((text) => text.split(".").map(Number));
  for (let i = 0; i < 3; i += 1) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
};

/** The version of the Go that builds, as `1.26.8`; throws with what to install when there is none or it is too old. */
const findGo = async (): Promise<string> => {
  const env = { GOTOOLCHAIN: "local" };
  const found = await tryRun(["go", "env", "GOVERSION"], { env }).catch(() => undefined);
  const version = found?.stdout.trim().replace(/^go/, "") ?? "none";
  if (found?.code === 0 && isAtLeast(version, MINIMUM_GO)) return version;
  throw new Error(
    `Go ${MINIMUM_GO} or newer is needed to build the platform's programs; found: ${version}. ` +
      "Install it and put it into PATH.",
  );
};

const compile = async (tool: GoTool, groupDir: string, outDir: string): Promise<void> => {
  const command = ["go", "build", "-mod=readonly", "-trimpath"];
  if (tool.tags !== undefined) command.push("-tags", tool.tags);
  command.push("-ldflags", `-s -w ${tool.ldflags ?? ""}`.trim(), "-o", `${outDir}/`, tool.package);
  await run(command, {
    cwd: groupDir,
    env: { CGO_ENABLED: tool.cgo === true ? "1" : "0", GOTOOLCHAIN: "local", GOWORK: "off" },
  });
};

/** One Go program: where its sources are declared and where the built file belongs. */
export type GoBuild = {
  readonly name: string;
  readonly tool: GoTool;
  readonly toolsDir: string;
  readonly cacheDir: string;
};

/** Where the finished program is or will be: its path names everything that the build depends on. */
export const builtPath = async ({ name, tool, toolsDir, cacheDir }: GoBuild): Promise<string> => {
  const groupDir = join(toolsDir, tool.group);
  const [goMod, goSum, goVersion] = await Promise.all([
    readFile(join(groupDir, "go.mod"), "utf8"),
    readFile(join(groupDir, "go.sum"), "utf8"),
    findGo(),
  ]);
  return join(cacheDir, "bin", renderCacheKey({ tool, goMod, goSum, goVersion }), name);
};

/** Builds a Go program into its place; only a whole file ever appears there, so an interrupted build is as none. */
export const buildGoTool = async (build: GoBuild): Promise<string> => {
  const path = await builtPath(build);
  if (existsSync(path)) return path;
  // What a killed build left is nobody's: whoever builds an entry holds its lock.
  await rm(dirname(path), { recursive: true, force: true });
  await mkdir(dirname(path), { recursive: true });
  const temporary = await mkdtemp(join(dirname(path), ".building-"));
  try {
    await compile(build.tool, join(build.toolsDir, build.tool.group), temporary);
    const produced =
      build.tool.builtAs ??
      (basename(build.tool.package).match(/^v\d+$/) ? build.name : basename(build.tool.package));
    await rename(join(temporary, produced), path);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return path;
};
