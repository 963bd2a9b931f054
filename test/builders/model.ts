import type { ObjectMeta } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { modelDefinition, type ModelSpecInput, type ModelStatus } from "#nervous-system/schemas/resources/model.ts";
import { aMetadata } from "#test/builders/metadata.ts";

/** What a person writes for an endpoint that needs no key. */
export const aModelSpec = (spec: Partial<ModelSpecInput> = {}): ModelSpecInput => ({
  provider: "OpenAICompatible",
  endpoint: "https://models.example.org/v1",
  model: "scripted-1",
  ...spec,
});

/** Status of a Model that the gateway has tried with success. */
export const readyModelStatus: ModelStatus = {
  observedGeneration: 1,
  conditions: [
    {
      type: "Ready",
      status: "True",
      reason: "ProbeSucceeded",
      message: "The endpoint answers.",
      lastTransitionTime: "2026-11-23T09:00:00Z",
    },
  ],
};

/** The Model `scripted`. */
export const aModel = (
  given: { spec?: Partial<ModelSpecInput>; status?: ModelStatus; metadata?: Partial<ObjectMeta> } = {},
): Model => ({
  apiVersion: groupVersion,
  kind: "Model",
  metadata: aMetadata("Model", given.metadata?.name ?? "scripted", given.metadata),
  spec: modelDefinition.spec.parse(aModelSpec(given.spec)),
  ...(given.status === undefined ? {} : { status: modelDefinition.status.parse(given.status) }),
});
