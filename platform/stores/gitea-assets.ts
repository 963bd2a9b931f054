import { existsSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../environment.ts";
import { run } from "../process/run.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** The directories of Gitea's module that the running program reads: name → path. */
export const giteaAssets = async (): Promise<Readonly<Record<string, string>>> => {
  await ensureTool("gitea");
  const options = {
    cwd: join(repositoryRoot, "platform/tools/gitea"),
    env: { GOTOOLCHAIN: "local", GOWORK: "off" },
  };
  // The module is in Go's cache when it was built here; download brings it back when that was cleared.
  const answer = await run(["go", "mod", "download", "-json", "code.gitea.io/gitea"], options);
  const { Dir: dir } = JSON.parse(answer) as { Dir: string };
  const parts = ["templates", "options", "public"].map((name) => [name, join(dir, name)] as const);
  return Object.fromEntries(parts.filter(([, path]) => existsSync(path)));
};
