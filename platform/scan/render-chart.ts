import { parseAllDocuments } from "yaml";
import { run } from "../process/run.ts";
import { ensureTool } from "../tools/ensure-tool.ts";

/** An object of the chart, as far as all kinds have it. */
export type ChartObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

/** Where the rendered release is installed. */
export const chartNamespace = "enchanted-system";

const digest = `@sha256:${"0".repeat(64)}`;
// The product's images have no defaults: any will do for what is only looked at.
const images = ["operator", "pipeline", "scribe", "supervisor"].map((name) => `images.${name}="r/${name}${digest}"`);
/** Values that have no default, as `key=<JSON>`. */
export const requiredValues: readonly string[] = [...images, `defaults.agentImage="r/agent${digest}"`];

/** Renders the chart with its defaults and these values (`key=<JSON>`). */
export const renderChart = async (...values: readonly string[]): Promise<ChartObject[]> => {
  const release = ["template", "enchanted-swarm", "charts/enchanted-swarm", `--namespace=${chartNamespace}`];
  const set = [...requiredValues, ...values].flatMap((value) => ["--set-json", value]);
  const text = await run([await ensureTool("helm"), ...release, "--kube-version=1.36.3", ...set]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as ChartObject | null)
    .filter((object) => object !== null);
};
