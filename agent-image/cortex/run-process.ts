import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import type * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { agentMessageBytes, fitMessage } from "#nervous-system/schemas/termination-message.ts";
import { createTracing, type TracingOptions } from "#nervous-system/telemetry/tracer.ts";
import { runAttempt, type Work } from "./attempt.ts";
import type { CortexConfig } from "./config.ts";
import { exitCodeOf, renderTermination } from "./termination.ts";

const flushMs = 5_000;

const tracingOptions = (config: CortexConfig): TracingOptions => ({
  serviceName: "enchanted-cortex",
  ...(config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? {} : { otlpEndpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT }),
  ...(config.ENCHANTED_SPANS_FILE === undefined ? {} : { jsonlPath: config.ENCHANTED_SPANS_FILE }),
});

/** The termination message is best effort: outside a pod there is nobody to read them. */
const writeMessage = async (path: string, message: string): Promise<void> => {
  await writeFile(path, message).catch(() => {});
  console.log(message);
};

const run = async <Config extends CortexConfig>(
  { host, random }: AgentHost,
  config: Config,
  work: Work<Config>,
): Promise<number> => {
  surviveRejections(host, (error) => console.error(unforeseen, error));
  const clock = systemClock();
  const tracing = createTracing(tracingOptions(config));
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    host.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const options = {
    config,
    tracer: tracing.tracer,
    clock,
    ids: randomIds(),
    random,
    env: host.env,
    kill: (pid: number, signal: NodeJS.Signals) => host.kill(pid, signal),
    signal: stop.signal,
  };
  const outcome = await runAttempt(options, work);
  const flushed = tracing.flush().then(() => tracing.shutdown());
  await Promise.race([
    flushed.catch((error: unknown) => console.error(`spans were lost: ${String(error)}`)),
    clock.sleep(flushMs),
  ]);
  if (outcome.kind === "failed") console.error(outcome.error);
  await writeMessage(config.ENCHANTED_TERMINATION_LOG, renderTermination(outcome));
  return exitCodeOf(outcome);
};

/** The process that an agent is, and its source of chance. */
type AgentHost = { readonly host: NodeJS.Process; readonly random: () => number };

/** Runs one attempt as this process and answers its exit code; `environment` says what is read of the variables. */
export const runProcess = async <Environment extends z.ZodObject & z.ZodType<CortexConfig>>(
  agent: AgentHost,
  environment: Environment,
  work: Work<z.output<Environment>>,
): Promise<number> => {
  const { env } = agent.host;
  const parsed = parseConfig(environment, { HOSTNAME: hostname(), ...env });
  if (parsed.kind === "valid") return run(agent, parsed.value, work);
  const { message } = parsed;
  const told = fitMessage({ outcome: "Failed", reason: "ConfigurationInvalid", message }, agentMessageBytes);
  await writeMessage(env["ENCHANTED_TERMINATION_LOG"] ?? "/dev/termination-log", told);
  return 2;
};
