import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createLedgerSink } from "#pipeline/siphon/ledger/sink.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import type { SiphonSettings } from "#pipeline/siphon/settings.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";

/** What the siphon gets from the process that it runs in. */
export type SiphonEnvironment = {
  readonly settings: SiphonSettings;
  /** Connects to NATS and sees to the streams, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Port of /metrics, /healthz and /readyz. */
  readonly healthPort: number;
};

/** A running siphon. */
export type Siphon = {
  readonly healthPort: number;
  /** Stops reading; a batch that is being written is written again by the next run. */
  stop(): Promise<void>;
};

/** A batch is cut at 8,192 frames or 8 MiB, or a quarter second after its first frame: people watch live. */
const limits = { maxMessages: 8192, maxBytes: 8 * 1024 * 1024, lingerMs: 250 };

const ledger = ({
  CLICKHOUSE_URL: url,
  CLICKHOUSE_USER: username,
  CLICKHOUSE_PASSWORD: password,
}: SiphonSettings): Sink => createLedgerSink(createSqlClient({ url, username, password }));

/** Starts a loop a sink; each goes at its own pace, and a store that is away stops only its own. */
export const startSiphon = async (environment: SiphonEnvironment): Promise<Siphon> => {
  const registry = createRegistry();
  const metrics = createSiphonMetrics(registry);
  const sinks = [ledger(environment.settings)];
  const trouble = new Map<string, string>(sinks.map(({ name }) => [name, "not started yet"]));
  let connected: Bus | undefined;
  const health = await startHealthServer({
    port: environment.healthPort,
    registry,
    unready: () => [
      ...(connected?.connected() === true ? [] : ["NATS is not reachable, or its streams are not set up yet"]),
      ...[...trouble].map(([name, reason]) => `${name}: ${reason}`),
    ],
  });
  const bus = await environment.connectBus();
  connected = bus;
  const stopping = new AbortController();
  const loops = sinks.map((sink) => {
    const onTrouble = (reason: string | undefined): void => {
      if (reason === undefined) trouble.delete(sink.name);
      else trouble.set(sink.name, reason);
    };
    return runSink({ ...environment, sink, bus, limits, metrics, onTrouble }, stopping.signal);
  });
  environment.log.info({ sinks: sinks.map(({ name }) => name) }, "the siphon runs");
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort(new Error("the siphon stops"));
      await Promise.all(loops);
      await Promise.all(sinks.map((sink) => sink.close()));
      await bus.close();
      await health.close();
    },
  };
};
