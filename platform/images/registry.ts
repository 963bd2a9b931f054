import { ensureClusterPorts } from "../cluster/cluster-ports.ts";
import type { Layout } from "../cluster/layout.ts";
import { ensureRegistryAccess, renderAuthorization, type RegistryAccess } from "../cluster/registry-access.ts";

/** The node's image registry, as the host and the pods' runtime both call it. */
export const registryHost = (port: number): string => `localhost:${port}`;

const MANIFEST_TYPES = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

/** The node's registry and the account that it asks for. */
export type Registry = RegistryAccess & { readonly host: string };

/** Reads where the node's registry is and who may use it. */
export const openRegistry = async (layout: Layout): Promise<Registry> => {
  const [ports, access] = await Promise.all([ensureClusterPorts(layout.ports), ensureRegistryAccess(layout)]);
  return { ...access, host: registryHost(ports.registry) };
};

/** Answers the digest that a tag stands for, or undefined when the registry does not have it. */
export const findDigest = async (registry: Registry, name: string, tag: string): Promise<string | undefined> => {
  const url = `http://${registry.host.replace("localhost", "127.0.0.1")}/v2/${name}/manifests/${tag}`;
  const headers = { accept: MANIFEST_TYPES, authorization: renderAuthorization(registry) };
  const response = await fetch(url, { method: "HEAD", headers });
  if (response.status === 404) return undefined;
  const digest = response.headers.get("docker-content-digest");
  if (!response.ok || digest === null) {
    throw new Error(
      `The registry answered ${response.status} for ${name}:${tag}; see logs/registry.log of the state directory.`,
    );
  }
  return digest;
};
