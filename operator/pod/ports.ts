import { scribePort } from "#nervous-system/schemas/scribe-ports.ts";
import type { PodConfig } from "#operator/pod/config.ts";
import { containerSecurity, scribeUser, type Container } from "#operator/pod/parts.ts";

/**
 * The sidecar that holds the scribe's ports, so that no other program of the pod has them while the scribe restarts. It starts
 * before the scribe and ends after it; without it the scribe opens no socket for an agent to begin with (docs/adr/0019-held-ports.md).
 */
export const portsContainer = (config: PodConfig): Container => ({
  name: "ports",
  image: config.scribeImage,
  restartPolicy: "Always",
  command: ["perl", "/opt/scribe/hold-ports.pl", ...Object.values(scribePort).map(String)],
  // It has 2 MiB of its own; what starts a container takes more for a moment, and counts as the container.
  resources: { requests: { cpu: "1m", memory: "8Mi" }, limits: { cpu: "1", memory: "32Mi" } },
  securityContext: containerSecurity(scribeUser),
  terminationMessagePolicy: "FallbackToLogsOnError",
});
