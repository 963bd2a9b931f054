import { rm, writeFile } from "node:fs/promises";
import * as z from "zod";
import { createGit } from "#nervous-system/git/git.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { renderCriterion, runCriteria, type CriterionResult } from "./verify/run-criteria.ts";

// The verifier pod's program: clones what `fetch` brought and runs the mission's criteria in it.

const jsonList = z.string().transform((text, context) => {
  try {
    return z.array(z.string().min(1)).parse(JSON.parse(text));
  } catch {
    context.addIssue("is not a JSON list of commands");
    return z.NEVER;
  }
});
const environment = z.object({
  ENCHANTED_CRITERIA: jsonList.describe('JSON list of commands, such as ["npm test"]'),
  ENCHANTED_FETCH_DIR: z.string().default("/enchanted/fetch").describe("directory of the fetched repository"),
  ENCHANTED_WORKSPACE: z.string().default("/workspace").describe("directory to work in"),
  ENCHANTED_TERMINATION_LOG: z.string().default("/dev/termination-log").describe("file for the last message"),
});
type VerifyConfig = z.output<typeof environment>;

const clone = async (config: VerifyConfig, directory: string): Promise<CriterionResult | undefined> => {
  const fetched = `${config.ENCHANTED_FETCH_DIR}/repo.git`;
  const git = createGit({ env: process.env, clock: systemClock(), protocols: ["file"], safeDirectories: [fetched] });
  await rm(directory, { recursive: true, force: true });
  const cloned = await git.run(["clone", "--quiet", "--no-hardlinks", "--", fetched, directory], {
    timeoutMs: 600_000,
  });
  return cloned.kind === "ok"
    ? undefined
    : { command: "git clone", exitCode: cloned.code ?? 1, output: cloned.message };
};

const verify = async (config: VerifyConfig): Promise<number> => {
  const directory = `${config.ENCHANTED_WORKSPACE}/repo`;
  const failed = await clone(config, directory);
  const options = { directory, env: process.env, echo: process.stdout };
  const result = failed ?? (await runCriteria(config.ENCHANTED_CRITERIA, options));
  await writeFile(config.ENCHANTED_TERMINATION_LOG, renderCriterion(result)).catch(() => undefined);
  if (result.exitCode !== 0) console.error(`"${result.command}" ended with ${result.exitCode}`);
  return result.exitCode;
};

const parsed = parseConfig(environment, process.env);
if (parsed.kind === "invalid") {
  console.error(parsed.message);
  process.exit(2);
}
process.exit(await verify(parsed.value));
