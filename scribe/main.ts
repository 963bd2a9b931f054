// First: see there.
import { program, stopped } from "./stop-signals.ts";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { parseConfig, type ConfigResult } from "#nervous-system/kernel/config.ts";
import { grammarFiles } from "#nervous-system/imports/grammar-files.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createLogger } from "#nervous-system/telemetry/logger.ts";
import { fetchEnvironment, scribeEnvironment } from "./config.ts";
import { renderFetchMessage, runFetch } from "./fetch/run-fetch.ts";
import { startScribe } from "./start.ts";

const USAGE = "usage: node main.js scribe|fetch";
const log = createLogger("scribe", "info");

/** The configuration, or the end of the process with what is wrong in it. */
const configured = <T>(result: ConfigResult<T>): T => {
  if (result.kind === "valid") return result.value;
  console.error(result.message);
  process.exit(2);
};

const runScribe = async (): Promise<void> => {
  surviveRejections(process, (err) => log.error({ err }, unforeseen));
  const config = configured(parseConfig(scribeEnvironment, process.env));
  // What an earlier life left in the log is drained, however early the pod ends.
  const scribe = await startScribe({ config, clock: systemClock(), ids: randomIds(), random: Math.random, log });
  await stopped;
  await scribe.stop();
};

const fetchRepository = async (): Promise<number> => {
  const config = configured(parseConfig(fetchEnvironment, process.env));
  const outcome = await runFetch({
    config,
    env: process.env,
    clock: systemClock(),
    tools: {
      node: process.execPath,
      from: dirname(fileURLToPath(import.meta.url)),
      files: ["wrap.js", "runtime.js", "imports.js", ...grammarFiles],
    },
  });
  const message = renderFetchMessage(outcome);
  console.log(message);
  await writeFile(config.ENCHANTED_TERMINATION_LOG, message).catch(() => undefined);
  return outcome.kind === "fetched" ? 0 : 1;
};

switch (program) {
  case "scribe":
    await runScribe();
    process.exit(0);
  case "fetch":
    process.exit(await fetchRepository());
  default:
    console.error(USAGE);
    process.exit(2);
}
