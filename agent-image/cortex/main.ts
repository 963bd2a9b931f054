import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { agentMessageBytes, fitMessage } from "#nervous-system/schemas/termination-message.ts";
import { createTracing, type TracingOptions } from "#nervous-system/telemetry/tracer.ts";
import { runAttempt } from "./attempt.ts";
import { cortexEnvironment, type CortexConfig } from "./config.ts";
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

const run = async (config: CortexConfig): Promise<number> => {
  surviveRejections(process, (error) => console.error(unforeseen, error));
  const clock = systemClock();
  const tracing = createTracing(tracingOptions(config));
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  const outcome = await runAttempt({
    config,
    tracer: tracing.tracer,
    clock,
    ids: randomIds(),
    random: Math.random,
    kill: (pid, signal) => process.kill(pid, signal),
    signal: stop.signal,
  });
  const flushed = tracing.flush().then(() => tracing.shutdown());
  await Promise.race([
    flushed.catch((error: unknown) => console.error(`spans were lost: ${String(error)}`)),
    clock.sleep(flushMs),
  ]);
  if (outcome.kind === "failed") console.error(outcome.error);
  await writeMessage(config.ENCHANTED_TERMINATION_LOG, renderTermination(outcome));
  return exitCodeOf(outcome);
};

const parsed = parseConfig(cortexEnvironment, { HOSTNAME: hostname(), ...process.env });
if (parsed.kind === "valid") process.exit(await run(parsed.value));
const path = process.env["ENCHANTED_TERMINATION_LOG"] ?? "/dev/termination-log";
await writeMessage(
  path,
  fitMessage({ outcome: "Failed", reason: "ConfigurationInvalid", message: parsed.message }, agentMessageBytes),
);
process.exit(2);
