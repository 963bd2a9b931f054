import { createHash } from "node:crypto";
import { missionTraceId } from "#nervous-system/schemas/traces.ts";
import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";

/** Name of an agent's pod. */
export const agentPodName = (agent: string, attempt: number): string => `${agent}-${attempt}`;

/** Name of a verifier pod. */
export const verifierPodName = (mission: string, attempt: number): string => `${mission}-verify-${attempt}`;

/** Name of the Agent of a team member. */
export const agentName = (mission: string, member: string): string => `${mission}-${member}`;

/** W3C `traceparent` under which the spans of a mission's pods stand, sampled. */
export const traceparentOf = (missionUid: string): string => {
  const spanId = createHash("sha256").update(missionUid).digest("hex").slice(0, 16);
  return `00-${missionTraceId(missionUid)}-${spanId}-01`;
};

/** A Service of the core API, as far as its address goes. */
export type Service = KubeObject & { spec?: { clusterIP?: string } };

/** Kind of Services. */
export const services: ResourceKind<Service> = {
  group: "",
  version: "v1",
  plural: "services",
  kind: "Service",
  namespaced: true,
};

/** The cluster address of a Service; nothing while it has none, or is headless. */
export const clusterAddress = (service: Service | undefined): string | undefined => {
  const address = service?.spec?.clusterIP;
  return address === undefined || address === "" || address === "None" ? undefined : address;
};
