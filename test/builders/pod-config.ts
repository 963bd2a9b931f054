import type { PodConfig } from "#operator/pod/config.ts";
import { someDigest } from "#test/builders/mission.ts";

/** What the chart would give the operator. */
export const aPodConfig = (given: Partial<PodConfig> = {}): PodConfig => ({
  scribeImage: `registry.example.org/scribe@${someDigest}`,
  agentImage: `registry.example.org/cortex@${someDigest}`,
  caPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
  stopMs: 10_000,
  drainMs: 30_000,
  verifyMs: 1_800_000,
  agentResources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { cpu: "2", memory: "1Gi" } },
  workspaceSize: "2Gi",
  walSize: "512Mi",
  walCut: "stored",
  ...given,
});
