import * as z from "zod";
import {
  boundedText,
  dialable,
  nameRule,
  programText,
  withRules,
  type ResourceDefinition,
} from "#nervous-system/schemas/resources/define-resource.ts";
import { usdPattern } from "#nervous-system/schemas/usd.ts";
import { commonStatus, time } from "#nervous-system/schemas/resources/status-parts.ts";

/** What a request may ask of a provider beside an answer to what it holds itself. */
const modelOperations = [
  "RemoteContent",
  "StoredFiles",
  "HostedTools",
  "McpServers",
  "StoredState",
  "PremiumTiers",
  "BetaFeatures",
  "OtherMembers",
] as const;

/** An entry of a Model's `spec.allow`. */
export type ModelOperation = (typeof modelOperations)[number];

const operation = z
  .enum(modelOperations)
  .describe(
    "RemoteContent: fetch URLs that a request names. StoredFiles: read files stored at the provider. HostedTools: run its own tools, such as web search and code execution. McpServers: connect to MCP servers. StoredState: keep a request for later ones, or go on from one. PremiumTiers: tiers and speeds that cost more than the model does otherwise, which pricing then has to say. BetaFeatures: beta headers that the gateway does not know to be harmless. OtherMembers: whatever in a request the gateway does not know.",
  );

const price = (tokens: string) =>
  z.string().max(16).regex(usdPattern).describe(`Dollars a million tokens ${tokens}, such as "3" or "0.25".`);

const pricing = z
  .object({
    inputPerMTok: price("sent"),
    cachedInputPerMTok: price("sent that came from the provider's cache; those of the others without it").optional(),
    outputPerMTok: price("answered, those of thinking too"),
  })
  .describe("What the provider charges, by which each exchange is priced.");

const spec = z
  .object({
    provider: z.enum(["OpenAICompatible", "Anthropic"]).describe("Protocol that the endpoint speaks."),
    endpoint: withRules(
      z
        .string()
        .min(1)
        .max(2048)
        .regex(/^https?:\/\/[^\s@/]+(\/[^\s?#]*)?$/)
        .describe("Base URL up to and including the version, such as https://models.example.org/v1."),
      dialable("endpoint"),
    ),
    model: programText(256, "Name of the model as the provider knows it."),
    apiKeySecretRef: z
      .object({
        name: boundedText(
          253,
          "Name of a Secret in this namespace, labelled swarm.enchanted.dev/use=model, with the endpoint's host in annotation swarm.enchanted.dev/hosts.",
        ),
        key: z.string().min(1).max(253).default("apiKey").describe("Key within the Secret."),
      })
      .describe("Where the API key is. Only the gateway reads it.")
      .optional(),
    pricing: pricing.optional(),
    allow: z.array(operation).max(modelOperations.length).default([]).meta({
      description:
        "What agents may have the provider do beside answering, each of which lets data leave by another way than the answer, or costs more; nothing unless told.",
      "x-kubernetes-list-type": "set",
    }),
  })
  .describe("What is wanted.");

const status = z
  .object({
    ...commonStatus,
    lastProbeTime: time("When the gateway last asked the endpoint.").optional(),
  })
  .describe("What is.");

/** Model: an endpoint that agents think with, reached only through the gateway. */
export const modelDefinition = {
  kind: "Model",
  plural: "models",
  singular: "model",
  shortNames: ["emodel"],
  description: "Model is an endpoint that agents think with.",
  spec,
  status,
  rules: [nameRule(63)],
  columns: [
    { name: "Provider", type: "string", jsonPath: ".spec.provider", description: "Protocol." },
    { name: "Model", type: "string", jsonPath: ".spec.model", description: "Name at the provider." },
    {
      name: "Ready",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].status",
      description: "Whether the gateway can use it.",
    },
    { name: "Reason", type: "string", jsonPath: ".status.conditions[?(@.type=='Ready')].reason", description: "Why." },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  ],
} as const satisfies ResourceDefinition;

/** What is wanted of a Model, defaults applied. */
export type ModelSpec = z.output<typeof spec>;
/** What a person writes. @internal Builders of tests take it. */
export type ModelSpecInput = z.input<typeof spec>;
/** What a Model has come to. */
export type ModelStatus = z.output<typeof status>;
