import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { repositoryRoot } from "#platform/environment.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";
import { tenant } from "#test/e2e/mission-run.ts";
import { laySiege } from "./siege.ts";

const USAGE = `usage: make up && kubectl create namespace hostile && make up VALUES=test/attack/values.yaml
       node test/attack/main.ts [--minutes 10] [--most 1.5] [--harmless]

One tenant does its worst for so many minutes, while the sample mission of another one runs again and again. Fails where a
mission did not complete, took more than --most times as long as alone (median), or a component was started anew.
With --harmless the other tenant runs the sample mission, too, twice at a time: what a busy neighbour costs on this machine.`;

const HOSTILE = "hostile";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    most: { type: "string", default: "1.5" },
    harmless: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

type Copied = { apiVersion: string; kind: string; metadata: Record<string, unknown> };

/** The hostile tenant has what the other one has: a Secret for the forge. */
const equip = async (kube: Kube): Promise<void> => {
  const secret = await kube.get<Copied>("secret", "forge", tenant);
  if (secret === undefined) throw new Error("the sample's Secret is missing: run make up");
  const { name, labels, annotations } = secret.metadata;
  await kube.apply({ ...secret, metadata: { name, labels, annotations, namespace: HOSTILE } });
};

const medianOf = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

const kube = await openCluster();
await equip(kube);
const sample = parse(await readFile(join(repositoryRoot, "manifests/samples/fix-bug.yaml"), "utf8")) as Mission;
const result = await laySiege({
  kube,
  sample,
  minutes: Number(values.minutes),
  isHarmless: values.harmless,
  tenants: { other: tenant, hostile: HOSTILE },
  onProgress: (line) => console.log(line),
});
const [alone, besieged] = [medianOf(result.quiet), medianOf(result.besieged)];
const ratio = Math.round((besieged / alone) * 100) / 100;
const broken = [
  ...result.failed,
  ...(values.harmless || Object.keys(result.attacks).length >= 10 ? [] : ["hardly anything was attacked"]),
  ...Object.entries(result.restarts).map(([container, times]) => `${container} was started anew ${times} times`),
  ...(ratio <= Number(values.most) ? [] : [`a mission took ${ratio} times as long as alone`]),
];
const dir = join(repositoryRoot, "dist", "attack");
await mkdir(dir, { recursive: true });
await writeFile(
  join(dir, values.harmless ? "harmless.json" : "siege.json"),
  `${JSON.stringify({ ...result, alone, besieged, ratio }, undefined, 2)}\n`,
);
console.log(JSON.stringify(result.attacks, undefined, 2));
console.log(
  `alone ${alone} s, beside the ${values.harmless ? "harmless" : "hostile"} tenant ${besieged} s: ${ratio} times`,
);
for (const line of broken) console.error(line);
console.log(broken.length === 0 ? "the other tenant was not held up" : `${broken.length} times a rule was broken`);
process.exitCode = broken.length === 0 ? 0 : 1;
