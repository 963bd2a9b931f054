import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ImageName } from "../images/catalog.ts";
import { run } from "../process/run.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import type { Layout } from "./layout.ts";
import { tellingPods } from "./telling-pods.ts";

/** Namespace of the product's release on the embedded platform. */
const RELEASE_NAMESPACE = "enchanted-system";

/** The images that the chart's values name, by digest. */
export type ChartImages = Readonly<Partial<Record<ImageName, string>>>;

/** The chart's values on the embedded platform: images made here, the forge's authority, private addresses allowed. */
const renderChartValues = (images: ChartImages, caBundle: string): object => {
  const image = (name: ImageName): string => {
    const reference = images[name];
    if (reference === undefined) throw new Error(`The chart needs the image "${name}", which was not made.`);
    return reference;
  };
  const products = ["operator", "pipeline", "scribe", "supervisor"] as const;
  return {
    images: Object.fromEntries(products.map((name) => [name, image(name)])),
    defaults: { agentImage: image("agent-image") },
    caBundle,
    // Forge and scenario model stand inside the cluster.
    gateway: { allowPrivate: true },
    nats: { image: image("nats") },
    clickhouse: { image: image("clickhouse") },
    s3: { image: image("s3") },
    neo4j: { image: image("neo4j") },
    weaviate: { image: image("weaviate") },
    jaeger: { image: image("jaeger") },
  };
};

/** Where a release goes: by kubeconfig file or by context, with which values. */
export type ReleaseTarget = {
  readonly chart: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  /** What stands in a later one wins. */
  readonly valuesFiles?: readonly string[];
};

/** Installs or upgrades the product's chart and waits until all of it is ready. */
export const installChart = async (target: ReleaseTarget): Promise<void> => {
  const { kubeconfig, context } = target;
  const kubectl = [
    await ensureTool("kubectl"),
    `--namespace=${RELEASE_NAMESPACE}`,
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--context", context]),
  ];
  const upgrade = [
    await ensureTool("helm"),
    "upgrade",
    "--install",
    "enchanted-swarm",
    target.chart,
    `--namespace=${RELEASE_NAMESPACE}`,
    "--create-namespace",
    "--wait",
    "--timeout=10m",
    ...(kubeconfig === undefined ? [] : ["--kubeconfig", kubeconfig]),
    ...(context === undefined ? [] : ["--kube-context", context]),
    ...(target.valuesFiles ?? []).flatMap((file) => ["--values", file]),
  ];
  await tellingPods(kubectl, () => run(upgrade));
};

/** Writes the values of the embedded platform and answers their file. */
export const writeChartValues = async (layout: Layout, images: ChartImages, caFile: string): Promise<string> => {
  const path = join(layout.state, "values.yaml");
  await writeFile(path, stringify(renderChartValues(images, await readFile(caFile, "utf8"))));
  return path;
};
