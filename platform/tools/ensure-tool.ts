import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory, repositoryRoot } from "../environment.ts";
import { withLock } from "../process/lock.ts";
import { goTools, type ToolName } from "../versions.ts";
import { buildGoTool, builtPath, type GoBuild } from "./go-build.ts";

const buildOf = (name: ToolName): GoBuild => ({
  name,
  tool: goTools[name],
  toolsDir: join(repositoryRoot, "platform/tools"),
  cacheDir: cacheDirectory(),
});

/** Whether the program is in the cache, so that ensureTool answers at once. */
export const hasTool = async (name: ToolName): Promise<boolean> =>
  existsSync(await builtPath(buildOf(name)));

/** Answers the path of a program, building it first when the cache does not hold it (seconds to minutes). */
export const ensureTool = async (name: ToolName): Promise<string> => {
  const build = buildOf(name);
  const path = await builtPath(build);
  if (existsSync(path)) return path;
  return withLock(path, () => buildGoTool(build));
};
