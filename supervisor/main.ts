import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { readFile } from "node:fs/promises";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector } from "#nervous-system/kubernetes/connection.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createLogger } from "#nervous-system/telemetry/logger.ts";
import { publisherSettings, type PublisherSettings } from "#supervisor/publish/settings.ts";
import { runPublisherProcess } from "#supervisor/publish/start.ts";

const untilStopped = (): AbortSignal => {
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  return stopping.signal;
};

const publisher = async (settings: PublisherSettings): Promise<number> => {
  const signal = untilStopped();
  const log = createLogger("publisher", settings.LOG_LEVEL);
  const shared = { clock: systemClock(), random: Math.random, ids: randomIds(), log };
  const source =
    settings.KUBECONFIG === undefined
      ? { kind: "in-cluster" as const }
      : { kind: "file" as const, path: settings.KUBECONFIG };
  const connector = createConnector(source, shared.clock);
  const transport = createTransport({ connector, userAgent: "enchanted-publisher", clock: shared.clock });
  const natsCa = settings.NATS_CA_FILE;
  const bus = await createBus({
    ...shared,
    servers: settings.NATS_URL,
    name: "publisher",
    user: settings.NATS_USER,
    password: settings.NATS_PASSWORD,
    caPem: natsCa === undefined ? undefined : await readFile(natsCa, "utf8"),
  });
  try {
    await runPublisherProcess(
      { ...shared, settings, env: process.env, client: createKubeClient({ transport, clock: shared.clock }), bus },
      signal,
    );
    return 0;
  } catch (err) {
    if (signal.aborted) return 0;
    log.error({ err }, "the publisher cannot go on; it begins again from what was acknowledged");
    return 1;
  } finally {
    await bus.close();
    connector.close();
  }
};

const usage = "usage: main.js publisher\n";

const main = async (command: string | undefined): Promise<number> => {
  if (command !== "publisher") {
    process.stderr.write(usage);
    return 64;
  }
  const parsed = parseConfig(publisherSettings, process.env);
  if (parsed.kind === "valid") return publisher(parsed.value);
  process.stderr.write(`${parsed.message}\n`);
  return 64;
};

process.exit(await main(process.argv[2]));
