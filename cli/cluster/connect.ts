import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector, type Connector, type KubeSource } from "#nervous-system/kubernetes/connection.ts";
import { isApiError, isConnectionError, isCredentialsError } from "#nervous-system/kubernetes/errors.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { missions, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { textOption, type OptionValues } from "../arguments.ts";
import { CliError, exitCode, type Ending, type Host } from "../host.ts";
import { withoutNulls } from "./without-nulls.ts";

/** The cluster as a command reaches it. */
export type Cluster = {
  readonly client: KubeClient;
  readonly namespace: string;
  close(): void;
};

const filesOf = (host: Host, named: string): readonly string[] =>
  named === ""
    ? [join(host.env["HOME"] ?? "", ".kube", "config")]
    : named.split(delimiter).filter((path) => path !== "");

const sourceOf = (host: Host, options: OptionValues): KubeSource => {
  const named = textOption(options, "kubeconfig") || (host.env["KUBECONFIG"] ?? "");
  const context = textOption(options, "context");
  const files = filesOf(host, named);
  const [path, ...more] = files.filter((file) => existsSync(file));
  if (path !== undefined) return { kind: "file", path, more, ...(context === "" ? {} : { context }) };
  const isAsked = named !== "" || context !== "";
  if (!isAsked && host.env["KUBERNETES_SERVICE_HOST"] !== undefined) return { kind: "in-cluster" };
  throw new CliError(
    `enchanted: there is no kubeconfig at ${files.join(", ")}; name one with --kubeconfig or KUBECONFIG`,
  );
};

const connectorOf = (host: Host, options: OptionValues): Connector => {
  const source = sourceOf(host, options);
  try {
    return createConnector(source, host.clock);
  } catch (error) {
    throw new CliError(
      `enchanted: the cluster is not known: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};

/** A name as the API takes one: another, such as `..`, would be another path of the API. */
const nameOf = (what: string, name: string): string => {
  if (name.length <= 253 && /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(name) && !name.includes("..")) return name;
  throw new CliError(`enchanted: "${name}" is no name of a ${what}: a-z, 0-9 and "-" or "." between them`);
};

const namespaceFor = (host: Host, options: OptionValues): string =>
  textOption(options, "namespace") || (host.env["ENCHANTED_NAMESPACE"] ?? "");

const openCluster = (host: Host, options: OptionValues): Cluster => {
  const connector = connectorOf(host, options);
  const transport = createTransport({ connector, userAgent: "enchanted-cli", clock: host.clock });
  const client = createKubeClient({ transport, clock: host.clock, fieldManager: "enchanted-cli" });
  return {
    client,
    namespace: nameOf("namespace", namespaceFor(host, options) || connector.namespace),
    close: () => connector.close(),
  };
};

const clusterTrouble = (error: unknown): unknown => {
  if (isConnectionError(error))
    return new CliError(`enchanted: the cluster cannot be reached: ${error.message}`, exitCode.fault);
  if (isCredentialsError(error))
    return new CliError(`enchanted: the kubeconfig's credentials cannot be used: ${error.message}`, exitCode.fault);
  return isApiError(error) ? new CliError(`enchanted: the cluster refuses: ${error.message}`, exitCode.fault) : error;
};

/** Does `work` in the cluster that the options name; rejects with `CliError` where they name none, or it refuses or is silent. */
export const inCluster = async (
  host: Host,
  options: OptionValues,
  work: (cluster: Cluster) => Promise<Ending>,
): Promise<Ending> => {
  const cluster = openCluster(host, options);
  try {
    return await work(cluster);
  } catch (error) {
    throw clusterTrouble(error);
  } finally {
    cluster.close();
  }
};

/** The mission of a name; rejects with `CliError` where there is none. */
export const findMission = async ({ client, namespace }: Cluster, name: string): Promise<Mission> => {
  const mission = await client.find(missions, { namespace, name: nameOf("mission", name) });
  if (mission !== undefined) return withoutNulls(mission);
  throw new CliError(`enchanted: there is no mission "${name}" in namespace "${namespace}"`, exitCode.fault);
};
