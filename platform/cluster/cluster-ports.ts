import { readFile, writeFile } from "node:fs/promises";
import { freePorts } from "../process/ports.ts";

const names = [
  "etcdClient",
  "etcdPeer",
  "apiServer",
  "controllerManager",
  "scheduler",
  "kubelet",
  "kubeletHealth",
  "kubeProxyHealth",
  "kubeProxyMetrics",
  "corednsHealth",
  "registry",
] as const;

/** The TCP ports of the embedded platform, by what listens on them. */
export type ClusterPorts = Readonly<Record<(typeof names)[number], number>>;

/** Answers the recorded ports, choosing and recording free ones the first time. */
export const ensureClusterPorts = async (path: string): Promise<ClusterPorts> => {
  const known = await readFile(path, "utf8").then(
    (text) => JSON.parse(text) as Partial<ClusterPorts>,
    () => ({}),
  );
  const missing = names.filter((name) => (known as Partial<ClusterPorts>)[name] === undefined);
  if (missing.length === 0) return known as ClusterPorts;
  const free = await freePorts(missing.length);
  const ports = { ...known, ...Object.fromEntries(missing.map((name, i) => [name, free[i]])) };
  await writeFile(path, JSON.stringify(ports, undefined, 2));
  return ports as ClusterPorts;
};
