import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readJson, writeJson } from "../process/json-file.ts";
import { run } from "../process/run.ts";
import { waitFor } from "../process/wait.ts";
import { createGiteaToken, requestForge, type ForgeLogin } from "../stores/gitea-api.ts";
import { renderGiteaConfig } from "../stores/gitea-config.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { ensureAuthority, ensureCertificate } from "./certificates.ts";
import type { Layout } from "./layout.ts";
import { applyManifests } from "./manifests.ts";
import { tellingPods } from "./telling-pods.ts";

/** Where the embedded platform's forge is in the cluster. */
export const forge = {
  namespace: "forge",
  /** What missions and pods call it. */
  url: "https://gitea.forge.svc",
  /** Its fixed Service address: how the machine itself, which does not ask the cluster's DNS, reaches it. */
  address: "10.96.0.80",
  hostUrl: "https://10.96.0.80",
  adminUser: "swarm",
} as const;

/** How to reach the forge and as whom; kept in `forge.json` of the state directory. */
export type ForgeAccess = {
  readonly url: string;
  readonly hostUrl: string;
  readonly user: string;
  readonly password: string;
  readonly token: string;
  readonly caFile: string;
};

/** Path of the record of how to reach the forge. */
const forgeAccessPath = (layout: Layout): string => join(layout.state, "forge.json");

type Secrets = { readonly password: string; readonly secret: string };

const ensureSecrets = async (layout: Layout): Promise<Secrets> => {
  const path = join(layout.state, "forge-secrets.json");
  const known = await readJson<Secrets>(path);
  if (known !== undefined) return known;
  const fresh = { password: randomBytes(16).toString("hex"), secret: randomBytes(32).toString("hex") };
  await writeJson(path, fresh);
  return fresh;
};

const labels = { app: "gitea" } as const;
const meta = (name: string): object => ({ name, namespace: forge.namespace, labels });

const SETUP = [
  "set -e",
  "gitea --config /etc/gitea/app.ini migrate",
  `gitea --config /etc/gitea/app.ini admin user list --admin | grep -qw ${forge.adminUser} ||`,
  `  gitea --config /etc/gitea/app.ini admin user create --admin --username ${forge.adminUser} \\`,
  '    --password "$ADMIN_PASSWORD" --email enchanted@localhost.invalid --must-change-password=false',
].join("\n");

const renderPod = (image: string): object => {
  const container = {
    image,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    env: [
      { name: "GITEA_WORK_DIR", value: "/data" },
      { name: "ADMIN_PASSWORD", valueFrom: { secretKeyRef: { name: "gitea", key: "password" } } },
    ],
    volumeMounts: [
      { name: "data", mountPath: "/data" },
      { name: "tmp", mountPath: "/tmp" },
      { name: "config", mountPath: "/etc/gitea", readOnly: true },
    ],
  };
  return {
    automountServiceAccountToken: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    },
    initContainers: [{ ...container, name: "setup", command: ["sh", "-c", SETUP] }],
    containers: [
      {
        ...container,
        name: "gitea",
        args: ["--config", "/etc/gitea/app.ini", "web"],
        ports: [{ name: "https", containerPort: 3000 }],
        readinessProbe: {
          httpGet: { path: "/api/healthz", port: "https", scheme: "HTTPS" },
          periodSeconds: 1,
        },
        resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "1Gi" } },
      },
    ],
    volumes: [
      { name: "data", persistentVolumeClaim: { claimName: "gitea" } },
      { name: "tmp", emptyDir: {} },
      { name: "config", secret: { secretName: "gitea", defaultMode: 0o440 } },
    ],
  };
};

/** The forge's objects: this is the platform's own manifest, the product's chart has none of it. */
const renderForge = (image: string, secret: Readonly<Record<string, string>>): object[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: forge.namespace } },
  { apiVersion: "v1", kind: "Secret", metadata: meta("gitea"), stringData: secret },
  {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: meta("gitea"),
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } } },
  },
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: meta("gitea"),
    spec: {
      clusterIP: forge.address,
      selector: labels,
      ports: [{ name: "https", port: 443, targetPort: "https" }],
    },
  },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: meta("gitea"),
    spec: {
      replicas: 1,
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: renderPod(image) },
    },
  },
];

/**
 * A pod that is ready is not yet behind its Service: until the rules for the address are made, a packet to it leaves the
 * machine, and whoever answers there is not our forge.
 */
const waitForService = (login: ForgeLogin): Promise<true> =>
  waitFor(
    `an answer of the forge at ${login.url}`,
    async () => {
      const { status, body } = await requestForge(login, "GET", "/version");
      if (status !== 200) throw new Error(`${status} ${body}`);
      return true as const;
    },
    { timeoutMs: 60_000, intervalMs: 200 },
  );

const ensureToken = async (layout: Layout, login: ForgeLogin): Promise<string> => {
  const known = await readJson<ForgeAccess>(forgeAccessPath(layout));
  return known?.password === login.password ? known.token : createGiteaToken(login, "platform");
};

/** Brings the forge up in the cluster, or finds it up, and answers how to reach it. */
export const ensureForge = async (layout: Layout, image: string): Promise<ForgeAccess> => {
  const ca = await ensureAuthority(layout.pki, "forge-ca");
  const serving = await ensureCertificate(layout.pki, ca, {
    name: "forge",
    commonName: "gitea",
    altNames: ["DNS:gitea.forge.svc", "DNS:gitea.forge.svc.cluster.local", `IP:${forge.address}`],
  });
  const { password, secret } = await ensureSecrets(layout);
  const config = renderGiteaConfig({
    url: forge.url,
    address: "0.0.0.0",
    port: 3000,
    work: "/data",
    assets: "/opt/gitea",
    user: "git",
    certFile: "/etc/gitea/tls.crt",
    keyFile: "/etc/gitea/tls.key",
    secret,
  });
  const files = {
    "app.ini": config,
    "tls.crt": await readFile(serving.certFile, "utf8"),
    "tls.key": await readFile(serving.keyFile, "utf8"),
    password,
  };
  await applyManifests(layout, renderForge(image, files));
  const kubectl = [await ensureTool("kubectl"), `--kubeconfig=${layout.kubeconfig}`, "--namespace", forge.namespace];
  await tellingPods(kubectl, () => run([...kubectl, "rollout", "status", "deployment/gitea", "--timeout=10m"]));
  const caPem = await readFile(ca.certFile, "utf8");
  const login: ForgeLogin = { url: forge.hostUrl, caPem, user: forge.adminUser, password };
  await waitForService(login);
  const token = await ensureToken(layout, login);
  const access = {
    url: forge.url,
    hostUrl: forge.hostUrl,
    user: forge.adminUser,
    password,
    token,
    caFile: ca.certFile,
  };
  await writeJson(forgeAccessPath(layout), access);
  return access;
};
