import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { controllerReference, type Draft } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Agent, Mission, Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { zeroHash } from "#nervous-system/schemas/chain.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { audience, label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { scribePort } from "#nervous-system/schemas/scribe-ports.ts";
import type { Addresses } from "#operator/agent/plan.ts";
import { collectorHost, collectorPort, gatewayHost, gatewayPort, type PodConfig } from "#operator/pod/config.ts";
import { fetchContainer, fetchVolumes, type Source } from "#operator/pod/fetch.ts";
import { agentPodName, traceparentOf } from "#operator/pod/names.ts";
import { portsContainer } from "#operator/pod/ports.ts";
import {
  commonSpec,
  containerSecurity,
  emptyDir,
  environment,
  mount,
  mountReadOnly,
  scribeUser,
  tokenVolume,
  type Container,
} from "#operator/pod/parts.ts";
import { configOf, evictionOf, placementOf } from "#operator/pod/template.ts";

/** Everything that the pod of one attempt is rendered from. */
export type AgentPodInput = {
  agent: Agent;
  mission: Mission;
  model: Model;
  attempt: number;
  addresses: Addresses;
  /** Digest of the snapshot that it goes on from. */
  resumeFrom?: string | undefined;
};

const agentUser = 65532;
const socketPath = "/enchanted/sock/context.sock";
/** Margin that the kubelet needs beyond what agent and scribe get, in seconds. */
const graceMarginSeconds = 5;

const identityOf = ({ agent, mission, attempt }: AgentPodInput): Record<string, string> => ({
  ENCHANTED_NAMESPACE: agent.metadata.namespace ?? "",
  ENCHANTED_MISSION: mission.metadata.name,
  ENCHANTED_MISSION_UID: mission.metadata.uid,
  ENCHANTED_AGENT: agent.metadata.name,
  ENCHANTED_AGENT_UID: agent.metadata.uid,
  ENCHANTED_ATTEMPT: String(attempt),
  ENCHANTED_LINEAGE: "0",
});

const sourceOf = ({ agent, mission }: AgentPodInput): Source => ({
  repo: mission.spec.workspace.repo,
  ref: mission.spec.workspace.ref,
  commit: agent.status?.baseCommit,
  secret: mission.spec.workspace.secretRef?.name,
  tools: true,
  confined: true,
});

const scribeContainer = (config: PodConfig, input: AgentPodInput): Container => ({
  name: "scribe",
  image: config.scribeImage,
  restartPolicy: "Always",
  command: ["node", "/opt/scribe/main.js", "scribe"],
  env: environment({
    ...identityOf(input),
    ...wordsOf(input),
    ENCHANTED_PERSONA: input.agent.spec.persona?.name,
    ENCHANTED_PERSONA_DIGEST: input.agent.spec.persona && personaDigestOf(input.agent.spec.persona.systemPrompt),
    ENCHANTED_RESUME_HASH: input.agent.status?.ledger?.hash ?? zeroHash,
    ENCHANTED_COLLECTOR: `${collectorHost}:${collectorPort}`,
    ENCHANTED_GATEWAY: `${gatewayHost}:${gatewayPort}`,
    ENCHANTED_CA_PEM: config.caPem,
    ENCHANTED_DRAIN_MS: String(config.drainMs),
    ENCHANTED_WAL_CUT: config.walCut,
    ENCHANTED_REDACT: rulesOf(input.agent),
    ENCHANTED_SOCKET: socketPath,
    ENCHANTED_METRICS_PORT: String(scribePort.metrics),
    ENCHANTED_PROXY_PORT: String(scribePort.proxy),
    ENCHANTED_PORTS_HELD: "true",
  }),
  ports: [{ name: "metrics", containerPort: scribePort.metrics, protocol: "TCP" }],
  startupProbe: {
    // Not Node: one of it a second and pod keeps a busy machine from bringing any of them up.
    exec: { command: ["test", "-S", socketPath] },
    periodSeconds: 1,
    timeoutSeconds: 10,
    failureThreshold: 120,
  },
  resources: { requests: { cpu: "10m", memory: "96Mi" }, limits: { cpu: "1", memory: "160Mi" } },
  securityContext: containerSecurity(scribeUser),
  volumeMounts: [
    mount("sock", "/enchanted/sock"),
    mount("wal", "/enchanted/wal"),
    mountReadOnly("fetch", "/enchanted/fetch"),
    mountReadOnly("token-scribe", "/enchanted/token"),
  ],
});

const rulesOf = ({ spec }: Agent): string | undefined =>
  spec.recording?.redact === undefined ? undefined : JSON.stringify(spec.recording.redact);

const policyOf = ({ spec }: Mission): string | undefined =>
  spec.workspace.policy === undefined ? undefined : JSON.stringify(spec.workspace.policy);

/** What the agent works by, and the scribe puts into the record. */
const wordsOf = ({ agent, mission }: AgentPodInput): Record<string, string> => ({
  ENCHANTED_GOAL: mission.spec.goal,
  ENCHANTED_TASK: agent.spec.task.text,
});

const workOf = ({ mission, model }: AgentPodInput): Record<string, string> => ({
  ENCHANTED_CRITERIA: JSON.stringify(mission.spec.successCriteria.map(({ command }) => command)),
  ENCHANTED_MODEL: model.spec.model,
  ENCHANTED_PROVIDER: model.spec.provider,
  TRACEPARENT: traceparentOf(mission.metadata.uid),
});

const mouths: Readonly<Record<string, string>> = {
  ENCHANTED_SOCKET: socketPath,
  ENCHANTED_SERVICE: `127.0.0.1:${scribePort.service}`,
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${scribePort.otlp}`,
  OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  OPENAI_BASE_URL: `http://127.0.0.1:${scribePort.models}/openai/v1`,
  ANTHROPIC_BASE_URL: `http://127.0.0.1:${scribePort.models}/anthropic/v1`,
  // Whatever hosts are allowed at present: who asks for another one is told so, and an edit needs no new pod.
  ENCHANTED_PROXY_PORT: String(scribePort.proxy),
};

const isCortex = ({ agent }: AgentPodInput): boolean => (agent.spec.runtime?.kind ?? "Cortex") === "Cortex";

// The runner of other programs comes with the wrapper: their images are not ours.
const programOf = (input: AgentPodInput): string[] =>
  isCortex(input) ? ["node", "/opt/cortex/main.js"] : ["/enchanted/bin/node", "/enchanted/bin/runtime.js"];

const agentContainer = (config: PodConfig, input: AgentPodInput): Container => {
  const { repo, ref, commit } = sourceOf(input);
  return {
    name: "agent",
    image: input.agent.spec.image,
    command: ["/enchanted/bin/node", "/enchanted/bin/wrap.js", "--", ...programOf(input)],
    env: environment({
      ...identityOf(input),
      ENCHANTED_REPO: repo,
      ENCHANTED_REF: ref,
      ENCHANTED_BASE_COMMIT: commit,
      ENCHANTED_RESUME_SNAPSHOT: input.resumeFrom,
      ENCHANTED_AGENT_STOP_MS: String(config.stopMs),
      ...mouths,
      ...wordsOf(input),
      ...workOf(input),
      ENCHANTED_PERSONA: input.agent.spec.persona?.name,
      ENCHANTED_SYSTEM_PROMPT: input.agent.spec.persona?.systemPrompt,
      ENCHANTED_POLICY: policyOf(input.mission),
      ENCHANTED_RUNTIME: isCortex(input) ? undefined : JSON.stringify(input.agent.spec.runtime),
      // The root file system is read-only and the user has no home.
      HOME: "/tmp",
    }),
    resources: config.agentResources,
    securityContext: containerSecurity(agentUser),
    volumeMounts: [
      mountReadOnly("sock", "/enchanted/sock"),
      mount("workspace", "/workspace"),
      mountReadOnly("fetch", "/enchanted/fetch"),
      mountReadOnly("bin", "/enchanted/bin"),
      mount("tmp", "/tmp"),
    ],
  };
};

/** Grace of an agent pod in seconds: native sidecars get only what the agent leaves of it. */
export const graceSecondsOf = ({ stopMs, drainMs }: Pick<PodConfig, "stopMs" | "drainMs">): number =>
  Math.ceil((stopMs + drainMs) / 1000) + graceMarginSeconds;

/** The pod of one attempt, as docs/spec/contracts.md §2 says. */
export const renderAgentPod = (defaults: PodConfig, input: AgentPodInput): Draft<Pod> => {
  const { agent, mission, attempt, addresses } = input;
  const config = configOf(defaults, mission);
  const source = sourceOf(input);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: agentPodName(agent.metadata.name, attempt),
      namespace: agent.metadata.namespace,
      labels: {
        [label.mission]: mission.metadata.name,
        [label.missionUid]: mission.metadata.uid,
        [label.agent]: agent.metadata.name,
        [label.attempt]: String(attempt),
        [label.confined]: "true",
      },
      annotations: evictionOf(mission),
      finalizers: [observeFinalizer],
      ownerReferences: [controllerReference(agent)],
    },
    spec: {
      ...commonSpec(addresses, graceSecondsOf(config)),
      ...placementOf(mission),
      initContainers: [
        fetchContainer(config, source, identityOf(input)),
        portsContainer(config),
        scribeContainer(config, input),
      ],
      containers: [agentContainer(config, input)],
      volumes: [
        ...fetchVolumes(config, source),
        emptyDir("sock", "16Mi"),
        emptyDir("wal", config.walSize),
        emptyDir("workspace", config.workspaceSize),
        emptyDir("tmp", config.workspaceSize),
        tokenVolume("token-scribe", audience.collector),
      ],
    },
  };
};
