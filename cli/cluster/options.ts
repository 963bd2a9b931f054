import type { Option } from "../arguments.ts";

/** The options of every command that asks the cluster. */
export const clusterOptions: readonly Option[] = [
  {
    name: "kubeconfig",
    type: "string",
    value: "path",
    description: "the file that says how the cluster is reached, as kubectl reads it",
    variable: "KUBECONFIG, else ~/.kube/config, in a pod its own account",
  },
  { name: "context", type: "string", value: "name", description: "the kubeconfig's context, else the current one" },
  {
    name: "namespace",
    type: "string",
    value: "name",
    description: "the mission's namespace",
    variable: "ENCHANTED_NAMESPACE, else the context's",
  },
];

/** The operand of every command about one mission. */
export const missionOperand = { name: "mission", isObject: true } as const;

/** What went wrong where such a command ends with 1, whatever it does. */
export const ofCluster =
  "the cluster cannot be reached or refuses, or there is no such mission; the message says which";
