import * as z from "zod";
import {
  boundedText,
  immutableWhereSet,
  mapList,
  withRules,
  type CelRule,
} from "#nervous-system/schemas/resources/define-resource.ts";

const quantity = (description: string): z.ZodString =>
  withRules(boundedText(32, description), {
    rule: "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
    message: 'write a quantity above zero, in quotes where it is a bare number, such as "2", 500m or 4Gi',
  });

const requestFits = (resource: "cpu" | "memory"): CelRule => ({
  rule: `!has(self.requests) || !has(self.requests.${resource}) || !isQuantity(self.requests.${resource}) || !isQuantity(self.limits.${resource}) || quantity(self.requests.${resource}).compareTo(quantity(self.limits.${resource})) <= 0`,
  message: `requests.${resource} is more than limits.${resource}`,
});

const resources = withRules(
  z
    .object({
      limits: z
        .object({ cpu: quantity("Processors at most."), memory: quantity("Memory at most.") })
        .describe("What it may use."),
      requests: z
        .object({
          cpu: quantity("Processors that its node keeps for it.").optional(),
          memory: quantity("Memory that its node keeps for it.").optional(),
        })
        .describe("What its node keeps for it; what is left out is as much as the limit.")
        .optional(),
    })
    .describe(
      "What the container of an agent, and that of each success criterion, may use; without it as the chart's defaults.agentResources say.",
    ),
  requestFits("cpu"),
  requestFits("memory"),
);

const toleration = withRules(
  z
    .object({
      key: boundedText(317, "Key of the taint; every taint without it.").optional(),
      operator: z
        .enum(["Equal", "Exists"])
        .default("Equal")
        .describe("Equal: the taint has this value, too. Exists: it may have any."),
      value: z.string().max(63).describe("Value of the taint.").optional(),
      effect: z
        .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
        .describe("Effect of the taint; every effect without it.")
        .optional(),
      tolerationSeconds: z
        .int32()
        .min(0)
        .describe("For how long a taint NoExecute that comes later is tolerated, seconds; for ever without it.")
        .optional(),
    })
    .describe("One taint of nodes that the pods may be put on all the same."),
  { rule: "has(self.key) || self.operator == 'Exists'", message: "a toleration without a key needs operator Exists" },
  {
    rule: "self.operator == 'Equal' || !has(self.value) || self.value == ''",
    message: "operator Exists takes no value",
  },
  {
    rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    message: "tolerationSeconds needs effect NoExecute",
  },
);

const nodeSelector = z
  .record(
    z.string(),
    z
      .string()
      .max(63)
      .regex(/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/)
      .describe("Value of the label."),
  )
  .meta({ description: "Labels of the nodes that the pods may be put on.", maxProperties: 16 });

const className = (description: string): z.ZodString =>
  boundedText(253, description).regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

const pullSecret = z
  .object({
    name: boundedText(253, "Name of a Secret of type kubernetes.io/dockerconfigjson in the mission's namespace."),
  })
  .describe("One Secret with the credential of a registry.");

const pod = z
  .object({
    resources: resources.optional(),
    nodeSelector: nodeSelector.optional(),
    tolerations: z
      .array(toleration)
      .max(16)
      .describe("Taints of nodes that the pods may be put on all the same.")
      .optional(),
    runtimeClassName: className("RuntimeClass of the pods, such as that of a sandbox.").optional(),
    priorityClassName: className("PriorityClass of the pods.").optional(),
    imagePullSecrets: mapList(
      pullSecret,
      "name",
      8,
      "With which nodes fetch the images of the pods; without it with those of ServiceAccount default.",
    ).optional(),
  })
  .describe("Where the pods run and what they may use.");

/** What the pods of a mission are made with: those of its agents, and those that verify what they did. */
export const podTemplate = z
  .object({
    pod: pod.optional(),
    disruption: z
      .enum(["Allow", "Avoid"])
      .default("Allow")
      .describe(
        "Whether autoscalers may end the pods to empty a node: Allow, with their snapshots, and they go on elsewhere; Avoid, they wait until the pods have ended.",
      ),
  })
  .describe("What the pods of the agents and of the verifier are made with.");

/** The rule that a mission's pods are made alike from its first to its last. */
export const podTemplateStays: CelRule = immutableWhereSet("template", "template");
