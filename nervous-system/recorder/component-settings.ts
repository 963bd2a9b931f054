import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { ComponentRecorderOptions } from "./component.ts";
import { tokenFrom } from "./token-file.ts";
import { walCutSetting } from "./wal-cut.ts";

/** The part of its environment by which a component records. */
export const componentRecorderSettings = z.object({
  ENCHANTED_RELEASE_NAMESPACE: z.string().min(1).describe("namespace that the chart is installed in"),
  ENCHANTED_POD_NAME: z.string().min(1).describe("name of this pod (metadata.name)"),
  ENCHANTED_CA_FILE: z.string().min(1).describe("PEM file with the chart's CA, for the collector"),
  ENCHANTED_COLLECTOR: z.string().min(1).default("enchanted-collector:4317").describe("host:port of the collector"),
  ENCHANTED_TOKEN_FILE: z.string().min(1).describe("projected token of audience enchanted-collector"),
  ENCHANTED_WAL_DIR: z.string().min(1).describe("directory on this component's own claim"),
  ENCHANTED_WAL_CUT: walCutSetting,
});

/** What the settings say of a component's recorder. */
export const readRecorderOptions = async (
  settings: z.output<typeof componentRecorderSettings>,
): Promise<
  Pick<ComponentRecorderOptions, "podName" | "releaseNamespace" | "directory" | "cut" | "collector" | "token">
> => ({
  podName: settings.ENCHANTED_POD_NAME,
  releaseNamespace: settings.ENCHANTED_RELEASE_NAMESPACE,
  directory: settings.ENCHANTED_WAL_DIR,
  cut: settings.ENCHANTED_WAL_CUT,
  collector: { address: settings.ENCHANTED_COLLECTOR, caPem: await readFile(settings.ENCHANTED_CA_FILE, "utf8") },
  token: tokenFrom(settings.ENCHANTED_TOKEN_FILE),
});
