import type { Pod } from "#nervous-system/kubernetes/kinds.ts";
import { collectorHost, gatewayHost } from "#operator/pod/config.ts";

/** One environment variable of a container. */
export type EnvVar = { name: string; value: string };

/**
 * Environment of a container with exactly these values; what is undefined is left out. Every `$` is doubled, because
 * the kubelet expands `$(NAME)` and folds `$$`, and goals and criteria are texts of people.
 */
export const environment = (values: Readonly<Record<string, string | undefined>>): EnvVar[] =>
  Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: value.replaceAll("$", "$$$$") }],
  );

/** The text that `environment` made a variable's value of. */
export const plainValue = (value: string): string => value.replaceAll("$$", "$");

/** Spec of a pod. */
type PodSpec = NonNullable<Pod["spec"]>;
/** One container of a pod. */
export type Container = PodSpec["containers"][number];
/** One volume of a pod. */
export type Volume = NonNullable<PodSpec["volumes"]>[number];
/** One mount of a container. */
type Mount = NonNullable<Container["volumeMounts"]>[number];

/** Group that owns the volumes: what the containers of one pod share although their users differ. */
const sharedGroup = 65530;

/** Security of the pod as a whole, as the restricted Pod Security Standard asks. */
const podSecurity: NonNullable<PodSpec["securityContext"]> = {
  runAsNonRoot: true,
  fsGroup: sharedGroup,
  fsGroupChangePolicy: "OnRootMismatch",
  seccompProfile: { type: "RuntimeDefault" },
};

/** User of the scribe, and of what holds its ports: the kernel shares a port among sockets of one user only. */
export const scribeUser = 65533;

/** Security of one container, which runs as a user of its own. */
export const containerSecurity = (user: number): NonNullable<Container["securityContext"]> => ({
  runAsUser: user,
  runAsGroup: user,
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
});

/** Scratch space that dies with the pod. */
export const emptyDir = (name: string, sizeLimit: string): Volume => ({ name, emptyDir: { sizeLimit } });

/** Scratch space in memory, which counts as that of the container. */
export const memoryDir = (name: string, sizeLimit: string): Volume => ({
  name,
  emptyDir: { medium: "Memory", sizeLimit },
});

/** The least lifetime that the API server grants, in seconds. */
const tokenSeconds = 600;

/** A token of the pod's service account for one audience, at `<mount>/token`. */
export const tokenVolume = (name: string, audience: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o440,
    sources: [{ serviceAccountToken: { audience, expirationSeconds: tokenSeconds, path: "token" } }],
  },
});

/** A mount that may be written. */
export const mount = (name: string, mountPath: string): Mount => ({ name, mountPath });

/** A mount that may only be read. */
export const mountReadOnly = (name: string, mountPath: string): Mount => ({ name, mountPath, readOnly: true });

/** What every pod that the operator makes has in common: no service account token, no links, no DNS of its own needs. */
export const commonSpec = (
  addresses: { collector?: string | undefined; gateway: string },
  graceSeconds: number,
): Omit<PodSpec, "containers"> => ({
  restartPolicy: "Never",
  // Projected tokens need the account's name; what it may do is nothing.
  serviceAccountName: "default",
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  terminationGracePeriodSeconds: graceSeconds,
  securityContext: podSecurity,
  hostAliases: [
    ...(addresses.collector === undefined ? [] : [{ ip: addresses.collector, hostnames: [collectorHost] }]),
    { ip: addresses.gateway, hostnames: [gatewayHost] },
  ],
});
