import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleOptions } from "#platform/bundle-options.ts";
import { repositoryRoot } from "#platform/environment.ts";
import type { Kube } from "#test/e2e/kube.ts";

/** Programs that are made to run within a pod. */
export type PodProgram = "inside" | "press";

/** A program as one file, for the Node of the agent's container. */
const bundle = async (name: PodProgram): Promise<string> => {
  const { outputFiles } = await build({
    ...bundleOptions(repositoryRoot),
    entryPoints: [fileURLToPath(new URL(`pod/${name}.ts`, import.meta.url))],
    write: false,
  });
  return outputFiles[0]?.text ?? "";
};

/** What a program printed, each line of JSON, and why it ended early, if it did. */
export type Printed<T> = { lines: T[]; failure: string | undefined };

/** Runs a program in the agent's container, as the agent's user. */
export const runInPod = async <T>(
  kube: Kube,
  { namespace, pod }: { namespace: string; pod: string },
  name: PodProgram,
  told: object,
): Promise<Printed<T>> => {
  const node = ["/enchanted/bin/node", "--input-type=module", "-", JSON.stringify(told)];
  const args = ["exec", "-i", "-n", namespace, pod, "-c", "agent", "--", ...node];
  const { code, stdout, stderr } = await kube.run(args, await bundle(name));
  const lines = stdout.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as T] : []));
  return { lines, failure: code === 0 ? undefined : stderr.trim().split("\n").at(-1) };
};
