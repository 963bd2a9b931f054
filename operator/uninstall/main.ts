import * as z from "zod";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { parseConfig } from "#nervous-system/kernel/config.ts";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector } from "#nervous-system/kubernetes/connection.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { createLogger } from "#nervous-system/telemetry/logger.ts";
import { operatorSettings } from "#operator/settings.ts";
import { uninstall } from "#operator/uninstall/uninstall.ts";

const settings = z.object(operatorSettings.shape).pick({
  ENCHANTED_RELEASE_NAMESPACE: true,
  ENCHANTED_TENANTS: true,
  ENCHANTED_AGENT_STOP: true,
  ENCHANTED_DRAIN_TIMEOUT: true,
  LOG_LEVEL: true,
  KUBECONFIG: true,
});

/** What a pod takes to be gone once its processes have ended, in milliseconds. */
const settleMs = 60_000;

const parsed = parseConfig(settings, process.env);
if (parsed.kind === "invalid") {
  process.stderr.write(`${parsed.message}\n`);
  process.exit(64);
}
const { ENCHANTED_RELEASE_NAMESPACE, ENCHANTED_TENANTS, ENCHANTED_AGENT_STOP, ENCHANTED_DRAIN_TIMEOUT } = parsed.value;
const { LOG_LEVEL, KUBECONFIG } = parsed.value;
const clock = systemClock();
const connector = createConnector(
  KUBECONFIG === undefined ? { kind: "in-cluster" } : { kind: "file", path: KUBECONFIG },
  clock,
);
const transport = createTransport({ connector, userAgent: "enchanted-uninstall", clock });
await uninstall({
  client: createKubeClient({ transport, clock }),
  clock,
  log: createLogger("uninstall", LOG_LEVEL),
  releaseNamespace: ENCHANTED_RELEASE_NAMESPACE,
  tenants: ENCHANTED_TENANTS,
  drainMs: ENCHANTED_AGENT_STOP + ENCHANTED_DRAIN_TIMEOUT + settleMs,
});
process.exit(0);
