import { createBus, type Bus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { parseConfig, type ConfigResult } from "#nervous-system/kernel/config.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector, type Connector } from "#nervous-system/kubernetes/connection.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { randomIds, type Ids } from "#nervous-system/schemas/ids.ts";
import { createLogger, type Logger } from "#nervous-system/telemetry/logger.ts";
import { publisherSettings, type PublisherSettings } from "#supervisor/publish/settings.ts";
import { runPublisherProcess } from "#supervisor/publish/start.ts";

/** What every part gets from this process. */
type Process = {
  readonly clock: Clock;
  readonly random: () => number;
  readonly ids: Ids;
  readonly log: Logger;
  readonly env: NodeJS.ProcessEnv;
};

const connectorOf = ({ KUBECONFIG: path }: Pick<PublisherSettings, "KUBECONFIG">, clock: Clock): Connector =>
  createConnector(path === undefined ? { kind: "in-cluster" } : { kind: "file", path }, clock);

const connectBus = async (settings: PublisherSettings, shared: Process, signal: AbortSignal): Promise<Bus> =>
  createBus({
    ...shared,
    name: "publisher",
    servers: settings.NATS_URL,
    user: settings.NATS_USER,
    password: settings.NATS_PASSWORD,
    caPem: await readOnlyCa(settings.NATS_CA_FILE),
    signal,
  });

const publisher = async (settings: PublisherSettings, shared: Process, signal: AbortSignal): Promise<void> => {
  const connector = connectorOf(settings, shared.clock);
  const transport = createTransport({ connector, userAgent: "enchanted-publisher", clock: shared.clock });
  const client = createKubeClient({ transport, clock: shared.clock });
  const bus = await connectBus(settings, shared, signal);
  try {
    await runPublisherProcess({ ...shared, settings, client, bus }, signal);
  } finally {
    await bus.close();
    connector.close();
  }
};

const untilStopped = (): AbortSignal => {
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  return stopping.signal;
};

/** Runs one part until it is stopped; answers the process's exit code. */
const running = async <S extends { readonly LOG_LEVEL: PublisherSettings["LOG_LEVEL"] }>(
  name: string,
  parsed: ConfigResult<S>,
  run: (settings: S, shared: Process, signal: AbortSignal) => Promise<void>,
): Promise<number> => {
  if (parsed.kind === "invalid") {
    process.stderr.write(`${parsed.message}\n`);
    return 64;
  }
  const signal = untilStopped();
  const log = createLogger(name, parsed.value.LOG_LEVEL);
  surviveRejections(process, (err) => log.error({ err }, unforeseen));
  const shared = { clock: systemClock(), random: Math.random, ids: randomIds(), log, env: process.env };
  try {
    await run(parsed.value, shared, signal);
    return 0;
  } catch (err) {
    if (signal.aborted) return 0;
    log.error({ err }, `the ${name} cannot go on; it begins again from what was acknowledged`);
    return 1;
  }
};

const parts: Readonly<Record<string, () => Promise<number>>> = {
  publisher: () => running("publisher", parseConfig(publisherSettings, process.env), publisher),
};

const part = parts[process.argv[2] ?? ""];
if (part === undefined) {
  process.stderr.write(`usage: main.js ${Object.keys(parts).join(" | ")}\n`);
  process.exit(64);
}
process.exit(await part());
