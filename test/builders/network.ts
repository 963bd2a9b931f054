import type { NetworkPolicy } from "#nervous-system/kubernetes/kinds.ts";
import { confinementName, confinementOf, type NetworkView, type Release } from "#operator/pod/confinement.ts";
import { aMetadata } from "#test/builders/metadata.ts";

/** The release of every snapshot. */
export const someRelease: Release = { name: "enchanted-swarm", namespace: "enchanted-system" };

/** A NetworkPolicy; without a spec that of the chart. */
export const aNetworkPolicy = (name = confinementName, spec = confinementOf(someRelease)): NetworkPolicy => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: aMetadata("NetworkPolicy", name),
  spec,
});

/** What confines the pods of a namespace: the chart's policy and those given. */
export const aNetwork = (...more: readonly NetworkPolicy[]): NetworkView => ({
  namespace: "default",
  release: someRelease,
  policies: [aNetworkPolicy(), ...more],
});
