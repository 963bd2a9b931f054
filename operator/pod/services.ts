import type { KubeObject, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";

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
