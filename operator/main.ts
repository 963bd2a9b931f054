import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { readExtraCas, readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector } from "#nervous-system/kubernetes/connection.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import {
  startComponentRecorder,
  type ComponentRecorder,
  type ComponentRecorderOptions,
} from "#nervous-system/recorder/component.ts";
import { readRecorderOptions } from "#nervous-system/recorder/component-settings.ts";
import { createLogger, type Logger } from "#nervous-system/telemetry/logger.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createTracing } from "#nervous-system/telemetry/tracer.ts";
import { lateBus } from "#operator/frames/observer.ts";
import { createHttpsGatewayCheck } from "#operator/gateway/https-check.ts";
import { createOperator, type OperatorOptions } from "#operator/operator.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { createKubernetesMetrics } from "#operator/runtime/kubernetes-metrics.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { leaseTimes, operatorSettings, type OperatorSettings } from "#operator/settings.ts";

const stopTimeoutMs = 15_000;
const recordDrainMs = 5_000;
const checkTimeoutMs = 20_000;
const longestPauseMs = 300_000;
const verifierPauseMs = 5_000;

const podConfig = async (settings: OperatorSettings): Promise<PodConfig> => {
  return {
    scribeImage: settings.ENCHANTED_SCRIBE_IMAGE,
    agentImage: settings.ENCHANTED_AGENT_IMAGE,
    caPem: await readFile(settings.ENCHANTED_CA_FILE, "utf8"),
    gitCaPem: await readExtraCas(settings.ENCHANTED_EXTRA_CA_FILE),
    stopMs: settings.ENCHANTED_AGENT_STOP,
    drainMs: settings.ENCHANTED_DRAIN_TIMEOUT,
    verifyMs: settings.ENCHANTED_VERIFY_TIMEOUT,
    agentResources: {
      requests: { cpu: settings.ENCHANTED_AGENT_CPU_REQUEST, memory: settings.ENCHANTED_AGENT_MEMORY_REQUEST },
      limits: { cpu: settings.ENCHANTED_AGENT_CPU_LIMIT, memory: settings.ENCHANTED_AGENT_MEMORY_LIMIT },
    },
    workspaceSize: settings.ENCHANTED_WORKSPACE_SIZE,
    walSize: settings.ENCHANTED_WAL_SIZE,
    walCut: settings.ENCHANTED_WAL_CUT,
  };
};

const kubeClient = (settings: OperatorSettings, options: Pick<OperatorOptions, "clock" | "kubernetesMetrics">) => {
  const { clock, kubernetesMetrics } = options;
  const path = settings.KUBECONFIG;
  const connector = createConnector(path === undefined ? { kind: "in-cluster" } : { kind: "file", path }, clock);
  const userAgent = "enchanted-operator";
  const transport = createTransport({ connector, userAgent, clock, onAnswer: kubernetesMetrics.onAnswer });
  return createKubeClient({ transport, clock });
};

const gatewayCheck = (settings: OperatorSettings, { caPem }: PodConfig) =>
  createHttpsGatewayCheck({
    url: `https://${settings.ENCHANTED_GATEWAY}`,
    caPem,
    tokenFile: settings.ENCHANTED_GATEWAY_TOKEN_FILE,
    timeoutMs: checkTimeoutMs,
  });

const startTracing = async (settings: OperatorSettings): Promise<ReturnType<typeof createTracing>> => {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  return createTracing({
    serviceName: "enchanted-operator",
    ...(endpoint === undefined ? {} : { otlpEndpoint: endpoint }),
    otlpCaPem: await readOnlyCa(settings.OTEL_EXPORTER_OTLP_CERTIFICATE),
  });
};

const startRecord = async (
  settings: OperatorSettings,
  shared: Pick<ComponentRecorderOptions, "clock" | "random" | "log">,
): Promise<ComponentRecorder> =>
  startComponentRecorder({
    ...shared,
    ...(await readRecorderOptions(settings)),
    ids: randomIds(),
    component: "operator",
  });

const untilSignal = (log: Logger): AbortSignal => {
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      log.info({ signal }, "stopping");
      stopping.abort(new Error(`stopped by ${signal}`));
    });
  return stopping.signal;
};

const run = async (settings: OperatorSettings): Promise<number> => {
  const log = createLogger("operator", settings.LOG_LEVEL);
  surviveRejections(process, (err) => log.error({ err }, unforeseen));
  const signal = untilSignal(log);
  const tracing = await startTracing(settings);
  const registry = createProcessRegistry();
  const kubernetesMetrics = createKubernetesMetrics(registry);
  const shared = {
    clock: systemClock(),
    random: Math.random,
    log,
    registry,
    kubernetesMetrics,
    tracer: tracing.tracer,
  };
  const { NATS_URL: servers, NATS_USER: user, NATS_PASSWORD: password } = settings;
  const caPem = await readOnlyCa(settings.NATS_CA_FILE);
  const connecting = createBus({ ...shared, servers, user, password, caPem, name: "operator", ids: randomIds() });
  connecting.catch((err: unknown) => log.error({ err }, "cannot connect to NATS; check NATS_URL and its credentials"));
  const config = await podConfig(settings);
  const { stopMs, drainMs } = config;
  const record = await startRecord(settings, shared);
  const operator = createOperator({
    ...shared,
    client: kubeClient(settings, shared),
    release: { name: settings.ENCHANTED_RELEASE_NAME, namespace: settings.ENCHANTED_RELEASE_NAMESPACE },
    tenants: settings.ENCHANTED_TENANTS,
    identity: `${settings.ENCHANTED_POD_NAME}_${randomUUID()}`,
    lease: leaseTimes(settings.ENCHANTED_LEASE_DURATION),
    bus: lateBus(connecting),
    record,
    check: gatewayCheck(settings, config),
    config,
    times: {
      stopMs,
      drainMs,
      failurePauseMs: settings.ENCHANTED_FAILURE_PAUSE,
      disruptionPauseMs: settings.ENCHANTED_DISRUPTION_PAUSE,
      longestPauseMs,
    },
    verifierPauseMs,
    stopTimeoutMs,
  });
  const server = await startHealthServer({
    port: settings.ENCHANTED_HEALTH_PORT,
    registry,
    beforeScrape: operator.beforeScrape,
    unready: operator.manager.unready,
  });
  log.info({ port: server.port }, "started");
  const end = await operator.manager.run(signal);
  await Promise.all([server.close(), tracing.shutdown(), record.close(recordDrainMs)]);
  log.info({ end }, "ended");
  return end === "stopped" ? 0 : 1;
};

const parsed = parseConfig(operatorSettings, process.env);
if (parsed.kind === "invalid") {
  process.stderr.write(`${parsed.message}\n`);
  process.exit(64);
}
// The connection to NATS would keep the process alive; nothing of it is left to do.
process.exit(await run(parsed.value));
