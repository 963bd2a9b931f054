import { audience } from "#nervous-system/schemas/names.ts";
import {
  collectorHost,
  collectorHttpPort,
  collectorPort,
  gatewayHost,
  gatewayPort,
  type PodConfig,
} from "#operator/pod/config.ts";
import {
  containerSecurity,
  emptyDir,
  environment,
  mount,
  mountReadOnly,
  tokenVolume,
  type Container,
  type Volume,
} from "#operator/pod/parts.ts";

/** What `fetch` makes ready: a ref of a repository, at a commit where one is known. */
export type Source = {
  repo: string;
  ref: string;
  /** The pull request that the ref is the head of, where it is in a fork. */
  pull?: number | undefined;
  commit?: string | undefined;
  /** Secret with the forge's credentials. */
  secret?: string | undefined;
  /** Brings Node and the wrapper along, for the container of an agent. */
  tools?: boolean;
  /** Whether the pod tries if its NetworkPolicy is enforced. */
  confined?: boolean;
};

const user = 65534;
const binSize = "256Mi";

/** Volumes of `fetch`; `fetch` and `bin` are read by the containers that work. */
export const fetchVolumes = (config: PodConfig, { secret, tools }: Source): Volume[] => [
  emptyDir("fetch", config.workspaceSize),
  ...(tools === true ? [emptyDir("bin", binSize)] : []),
  tokenVolume("token-fetch", audience.fetch),
  ...(secret === undefined ? [] : [{ name: "git-secret", secret: { secretName: secret, defaultMode: 0o440 } }]),
];

/** The init container that clones the repository through the gateway; it alone holds the Git credentials. */
export const fetchContainer = (
  config: PodConfig,
  source: Source,
  identity: Readonly<Record<string, string | undefined>>,
): Container => ({
  name: "fetch",
  image: config.scribeImage,
  command: ["node", "/opt/scribe/main.js", "fetch"],
  env: environment({
    ...identity,
    ENCHANTED_GATEWAY: `${gatewayHost}:${gatewayPort}`,
    ENCHANTED_CA_PEM: config.caPem,
    ENCHANTED_REPO: source.repo,
    ENCHANTED_REF: source.ref,
    ENCHANTED_PULL: source.pull === undefined ? undefined : String(source.pull),
    ENCHANTED_BASE_COMMIT: source.commit,
    ENCHANTED_GIT_CA_PEM: config.gitCaPem,
    ...(source.confined === true && {
      ENCHANTED_COLLECTOR: `${collectorHost}:${collectorPort}`,
      // No policy of a pod allows it: where it is reached, nobody enforces one.
      ENCHANTED_UNREACHABLE: `${collectorHost}:${collectorHttpPort}`,
    }),
    ENCHANTED_BIN_DIR: source.tools === true ? "/enchanted/bin" : undefined,
  }),
  resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "512Mi" } },
  securityContext: containerSecurity(user),
  volumeMounts: [
    mount("fetch", "/enchanted/fetch"),
    ...(source.tools === true ? [mount("bin", "/enchanted/bin")] : []),
    mountReadOnly("token-fetch", "/enchanted/token"),
    ...(source.secret === undefined ? [] : [mountReadOnly("git-secret", "/enchanted/git-secret")]),
  ],
});
