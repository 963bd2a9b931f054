import { join } from "node:path";
import { runBounded } from "#nervous-system/git/bounded-process.ts";
import type { Host } from "../host.ts";

const CONFIG_LIMIT_MS = 5_000;

/** The user's own file of ignore rules, for all repositories: what it hides from `git status`, nobody expects to be recorded. */
export const userIgnores = async ({ env, clock }: Pick<Host, "env" | "clock">): Promise<string | undefined> => {
  const home = env["HOME"];
  const said = await runBounded({
    program: "git",
    args: ["-C", "/", "config", "--get", "--path", "core.excludesFile"],
    env: Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    timeoutMs: CONFIG_LIMIT_MS,
    maxOutputBytes: 65_536,
    clock,
  });
  const named = said.code === 0 ? said.stdout.toString("utf8").trim() : "";
  if (named !== "") return named;
  const config = env["XDG_CONFIG_HOME"] || (home && join(home, ".config"));
  return config && join(config, "git/ignore");
};
