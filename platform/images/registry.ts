/** The node's image registry, as the host and the pods' runtime both call it. */
export const registryHost = (port: number): string => `localhost:${port}`;

const MANIFEST_TYPES = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

/** Answers the digest that a tag stands for, or undefined when the registry does not have it. */
export const findDigest = async (host: string, name: string, tag: string): Promise<string | undefined> => {
  const url = `http://${host.replace("localhost", "127.0.0.1")}/v2/${name}/manifests/${tag}`;
  const response = await fetch(url, { method: "HEAD", headers: { accept: MANIFEST_TYPES } });
  if (response.status === 404) return undefined;
  const digest = response.headers.get("docker-content-digest");
  if (!response.ok || digest === null) {
    throw new Error(
      `The registry answered ${response.status} for ${name}:${tag}; see logs/registry.log of the state directory.`,
    );
  }
  return digest;
};
