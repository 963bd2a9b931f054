import { join } from "node:path";
import { run } from "../process/run.ts";
import { forge, type ForgeAccess } from "./forge.ts";
import type { Layout } from "./layout.ts";
import { applyManifests } from "./manifests.ts";

const NAMESPACE = "default";
const MODEL_NAMESPACE = "models";
const labels = { app: "scenario-model" } as const;

/** A hosted model, as the environment of `make up` names it. */
export type HostedModel = {
  readonly provider: "OpenAICompatible" | "Anthropic";
  readonly endpoint: string;
  readonly model: string;
  readonly apiKey: string;
};

/** Reads which hosted model the user brings, if any: OPENAI_API_KEY first, then ANTHROPIC_API_KEY. */
export const findHostedModel = (env: Readonly<Record<string, string | undefined>>): HostedModel | undefined => {
  const openai = env["OPENAI_API_KEY"];
  if (openai) {
    const endpoint = env["OPENAI_BASE_URL"] ?? "https://api.openai.com/v1";
    return { provider: "OpenAICompatible", endpoint, model: env["OPENAI_MODEL"] ?? "gpt-5", apiKey: openai };
  }
  const anthropic = env["ANTHROPIC_API_KEY"];
  if (!anthropic) return undefined;
  const endpoint = env["ANTHROPIC_BASE_URL"] ?? "https://api.anthropic.com/v1";
  return { provider: "Anthropic", endpoint, model: env["ANTHROPIC_MODEL"] ?? "claude-sonnet-4-5", apiKey: anthropic };
};

const scenarioEndpoint = `http://scenario-model.${MODEL_NAMESPACE}.svc:8080/v1`;

const renderScenarioModel = (image: string): object[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: MODEL_NAMESPACE } },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "scenario-model", namespace: MODEL_NAMESPACE },
    spec: { selector: labels, ports: [{ port: 8080 }] },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "scenario-model", namespace: MODEL_NAMESPACE },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "model",
              image,
              ports: [{ containerPort: 8080 }],
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
        },
      },
    },
  },
];

const model = (name: string, spec: object): object => ({
  apiVersion: "swarm.enchanted.dev/v1alpha1",
  kind: "Model",
  metadata: { name, namespace: NAMESPACE },
  spec,
});

type Marks = { readonly use: "git"; readonly repositories: string } | { readonly use: "model"; readonly hosts: string };

const secret = (name: string, { use, ...where }: Marks, data: Readonly<Record<string, string>>): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name,
    namespace: NAMESPACE,
    labels: { "swarm.enchanted.dev/use": use },
    annotations: Object.fromEntries(Object.entries(where).map(([key, list]) => [`swarm.enchanted.dev/${key}`, list])),
  },
  stringData: data,
});

const renderHosted = ({ apiKey, ...spec }: HostedModel): object[] => [
  secret("model-key", { use: "model", hosts: new URL(spec.endpoint).host }, { apiKey }),
  model("default", { ...spec, apiKeySecretRef: { name: "model-key" } }),
];

/** What the sample mission refers to: the forge's credentials, and a model to think with. */
export const renderSample = (access: ForgeAccess, scenarioImage: string, hosted?: HostedModel): object[] => {
  const scenario = { provider: "OpenAICompatible", endpoint: scenarioEndpoint, model: "scenario/fix-bug" };
  return [
    ...renderScenarioModel(scenarioImage),
    secret(
      "forge",
      { use: "git", repositories: `${access.url}/${access.user}/*` },
      { username: access.user, password: access.token },
    ),
    model("scenario", scenario),
    ...(hosted === undefined ? [model("default", scenario)] : renderHosted(hosted)),
  ];
};

/** Puts the sample's objects into the cluster and its repository on the forge. */
export const seedSample = async (
  layout: Layout,
  root: string,
  access: ForgeAccess,
  objects: readonly object[],
): Promise<void> => {
  await applyManifests(layout, objects);
  await run([join(root, "manifests/samples/seed.sh")], {
    env: {
      FORGE_URL: access.url,
      FORGE_USER: access.user,
      FORGE_PASSWORD: access.password,
      FORGE_CA: access.caFile,
      FORGE_RESOLVE: `${new URL(access.url).hostname}:443:${forge.address}`,
      // Where these are set they would win over the forge's own authority.
      GIT_SSL_CAINFO: access.caFile,
      CURL_CA_BUNDLE: access.caFile,
    },
  });
};
