import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildCli, cliDirectory } from "../cli/build.ts";
import { installChart, writeChartValues } from "../cluster/chart.ts";
import { ensureForge, type ForgeAccess } from "../cluster/forge.ts";
import type { Layout } from "../cluster/layout.ts";
import { startCluster } from "../cluster/lifecycle.ts";
import { renderSample, seedSample, type HostedModel } from "../cluster/sample.ts";
import { createImageBuilder } from "../images/builder.ts";
import { ensureImages, imageNames, type ImageName } from "../images/catalog.ts";
import { openRegistry } from "../images/registry.ts";
import { ensureDebianPackages } from "../tools/debian-packages.ts";
import { allTools, ensureTools } from "../tools/ensure-tools.ts";
import { ensureEmbeddingModel } from "../tools/embedding-model.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { ensureNeo4j } from "../tools/neo4j.ts";
import { testTools } from "../versions.ts";
import type { Step } from "./progress.ts";

/** What bringing everything up needs to know. */
export type UpOptions = {
  readonly layout: Layout;
  /** The checkout. */
  readonly root: string;
  readonly cacheDir: string;
  readonly isRoot: boolean;
  readonly hosted?: HostedModel;
  /** Values of the chart beside our own, such as `tenants`. */
  readonly valuesFile?: string;
};

/** Installs the Debian packages that are missing. */
export const packagesStep = ({ isRoot }: UpOptions): Step => ({
  title: "Debian packages",
  run: ({ note }) => ensureDebianPackages(isRoot, note),
});

/** Builds the programs that integration tests start. */
export const testProgramsStep = ({ root }: UpOptions): Step => ({
  title: "Programs that tests start",
  run: async ({ note }) => {
    await buildCli(root, cliDirectory(root));
    await ensureTools([...testTools, "gitea", "jaeger", "helm", "weaviate"], note);
    note("fetching Neo4j and the embedder's model");
    await ensureNeo4j();
    await ensureEmbeddingModel();
  },
});

const requireRoot = (isRoot: boolean): void => {
  if (isRoot) return;
  throw new Error(
    "A cluster on this machine needs root. Run as root, or install on a cluster you have: make up KUBECONTEXT=<name>",
  );
};

/** The way from an empty machine to a cluster with the product and a sample; every step finds what is done. */
export const upSteps = (options: UpOptions): Step[] => {
  const { layout, root, cacheDir } = options;
  const images: Partial<Record<ImageName, string>> = {};
  let access: ForgeAccess | undefined;
  const makeImages = async (names: readonly ImageName[], note: (text: string) => void): Promise<void> => {
    const shop = { builder: createImageBuilder(layout, await openRegistry(layout)), root, cacheDir };
    Object.assign(images, await ensureImages(shop, names, (name) => note(`image ${name}`)));
  };
  const requireMade = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("An earlier step left nothing; run `make up` again.");
    return value;
  };
  return [
    packagesStep(options),
    { title: "Programs", run: ({ note }) => ensureTools(allTools, note) },
    {
      title: "Cluster",
      run: async ({ note }) => {
        requireRoot(options.isRoot);
        await startCluster(layout, note);
      },
    },
    { title: "Images", run: ({ note }) => makeImages(imageNames, note) },
    {
      title: "Forge",
      run: async () => {
        access = await ensureForge(layout, requireMade(images.gitea));
      },
    },
    {
      title: "Enchanted Swarm (helm upgrade --install)",
      run: async () => {
        const own = await writeChartValues(layout, images, requireMade(access).caFile);
        const valuesFiles = options.valuesFile === undefined ? [own] : [own, options.valuesFile];
        await installChart({ chart: join(root, "charts/enchanted-swarm"), kubeconfig: layout.kubeconfig, valuesFiles });
      },
    },
    {
      title: "Sample repository and model",
      run: async () => {
        const forgeAccess = requireMade(access);
        const objects = renderSample(forgeAccess, requireMade(images["scenario-model"]), options.hosted);
        await seedSample(layout, root, forgeAccess, objects);
      },
    },
  ];
};

/** The way on a cluster that the user has: the chart alone, with the values given. */
export const chartOnlySteps = (root: string, context: string, valuesFile: string | undefined): Step[] => [
  { title: "Programs", run: ({ note }) => ensureTools(["helm"], note) },
  {
    title: `Enchanted Swarm on ${context} (helm upgrade --install)`,
    run: () =>
      installChart({
        chart: join(root, "charts/enchanted-swarm"),
        context,
        ...(valuesFile !== undefined && { valuesFiles: [valuesFile] }),
      }),
  },
];

/** What to open and to try, told at the end of `make up`. */
export const renderWelcome = async (layout: Layout, root: string): Promise<string> => {
  const kubectl = await ensureTool("kubectl");
  const link = join(layout.state, "bin/kubectl");
  return [
    "",
    "Up. In a shell of yours:",
    `  export KUBECONFIG=${layout.kubeconfig}`,
    `  export PATH=${join(layout.state, "bin")}:$PATH      # kubectl (${existsSync(link) ? link : kubectl})`,
    "Then, to see an agent make a failing test pass:",
    `  kubectl apply -f ${join(root, "manifests/samples/fix-bug.yaml")}`,
    "  kubectl get missions --watch",
    "  kubectl wait --for=condition=Complete mission/fix-bug --timeout=10m",
    `The forge is at https://10.96.0.80/ on this machine (user and password in ${join(layout.state, "forge.json")}).`,
    "Traces:  kubectl -n enchanted-system port-forward service/enchanted-jaeger 16686",
    "State:   make status        End: make down",
  ].join("\n");
};
