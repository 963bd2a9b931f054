import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ensureClusterPorts } from "#platform/cluster/cluster-ports.ts";
import { layoutOf, node } from "#platform/cluster/layout.ts";
import { cacheDirectory, repositoryRoot, stateDirectory } from "#platform/environment.ts";
import { createImageBuilder } from "#platform/images/builder.ts";
import { ensureImages } from "#platform/images/catalog.ts";
import { openRegistry } from "#platform/images/registry.ts";
import { waitFor } from "#platform/process/wait.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";

const namespace = "platform-test";
const layout = layoutOf(stateDirectory());

const serve = `require("http").createServer((request, response) => { console.log("asked for " + request.url); response.end("served"); })`;
const idle = "setInterval(() => {}, 1e6)";

const pod = (image: string, name: string, script: string, labels: Record<string, string> = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels },
  spec: {
    terminationGracePeriodSeconds: 0,
    volumes: [
      { name: "data", ...(name === "server" ? { persistentVolumeClaim: { claimName: "data" } } : { emptyDir: {} }) },
    ],
    containers: [
      {
        name: "main",
        image,
        command: ["node", "-e", script],
        volumeMounts: [{ name: "data", mountPath: "/data" }],
        readinessProbe: { exec: { command: ["true"] }, periodSeconds: 1 },
      },
    ],
  },
});

const service = (name: string, port: number): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace },
  spec: { selector: { app: "server" }, ports: [{ port, targetPort: port }] },
});

/** Lets the confined pod reach the server, on one port only. */
const policy = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "confined", namespace },
  spec: {
    podSelector: { matchLabels: { "swarm.enchanted.dev/confined": "true" } },
    policyTypes: ["Egress"],
    egress: [{ to: [{ podSelector: { matchLabels: { app: "server" } } }], ports: [{ protocol: "TCP", port: 8080 }] }],
  },
};

let kube: Kube;

/** Tries to reach an address from inside a pod: `connected`, or the reason why not. */
const reach = async (from: string, host: string, port: number): Promise<string> => {
  const script =
    `const s = require("net").connect({ host: "${host}", port: ${port}, timeout: 2000 });` +
    `const end = (t) => { console.log(t); process.exit(); };` +
    `s.on("connect", () => end("connected")); s.on("timeout", () => end("timeout")); s.on("error", (e) => end(e.code));`;
  return (await kube.ok(["exec", "-n", namespace, from, "--", "node", "-e", script])).trim();
};

beforeAll(async () => {
  kube = await openCluster();
  const builder = createImageBuilder(layout, await openRegistry(layout));
  const shop = { builder, root: repositoryRoot, cacheDir: cacheDirectory() };
  const { base = "" } = await ensureImages(shop, ["base"], () => {});
  await kube.run(["delete", "namespace", namespace, "--ignore-not-found"]);
  await kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Mi" } } };
  await kube.apply({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace },
    spec: claim,
  });
  await kube.apply(service("server", 8080));
  await kube.apply(policy);
  await kube.apply(pod(base, "server", `${serve}.listen(8080);${serve}.listen(8081)`, { app: "server" }));
  await kube.apply(pod(base, "client", idle));
  await kube.apply(pod(base, "confined", idle, { "swarm.enchanted.dev/confined": "true" }));
  await kube.ok(["wait", "-n", namespace, "--for=condition=Ready", "pod", "--all", "--timeout=120s"]);
}, 300_000);

afterAll(async () => {
  await kube?.run(["delete", "namespace", namespace, "--timeout=60s"]);
}, 120_000);

const addressOf = (kind: string, name: string, path: string): Promise<string> =>
  kube.ok(["get", kind, name, "-n", namespace, "-o", `jsonpath={${path}}`]);

describe("the embedded cluster", () => {
  it("lets a pod reach a Service by its name, and tells by kubectl logs", async () => {
    const name = `server.${namespace}.svc.cluster.local`;
    // kube-proxy learns of the endpoint a moment after the pod is ready.
    await waitFor("the Service's endpoint", async () => (await reach("client", name, 8080)) === "connected", {
      timeoutMs: 20_000,
    });
    const script = `fetch("http://server.${namespace}.svc.cluster.local:8080/by-name").then((r) => r.text()).then(console.log)`;
    expect(await kube.ok(["exec", "-n", namespace, "client", "--", "node", "-e", script])).toBe("served\n");
    expect(await kube.ok(["logs", "-n", namespace, "server"])).toContain("asked for /by-name");
  }, 60_000);

  it("keeps a claim's data over the pod's life in a directory of the node", async () => {
    await kube.ok(["exec", "-n", namespace, "server", "--", "sh", "-c", "echo kept > /data/file"]);
    const volume = await addressOf("pvc", "data", ".spec.volumeName");
    const path = await kube.ok(["get", "pv", volume, "-o", "jsonpath={.spec.local.path}"]);
    expect(path.startsWith(layout.volumes)).toBe(true);
    expect(await kube.ok(["exec", "-n", namespace, "server", "--", "cat", "/data/file"])).toBe("kept\n");
  });

  it("answers nobody without credentials, at the API server and at the kubelet", async () => {
    const ports = await ensureClusterPorts(layout.ports);
    for (const port of [ports.apiServer, ports.kubelet]) {
      const script = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"; fetch("https://${node.address}:${port}/pods").then((r) => console.log(r.status))`;
      expect((await kube.ok(["exec", "-n", namespace, "client", "--", "node", "-e", script])).trim()).toBe("401");
    }
  });
});

describe("the registry", () => {
  it("asks everybody for credentials", async () => {
    const { host } = await openRegistry(layout);
    expect((await fetch(`http://${host}/v2/_catalog`)).status).toBe(401);
  });
});

describe("a confined pod", () => {
  it("reaches what a NetworkPolicy's egress names, also through its Service", async () => {
    const podIp = await addressOf("pod", "server", ".status.podIP");
    const clusterIp = await addressOf("service", "server", ".spec.clusterIP");
    // The filter follows the API within a moment of the pod being ready.
    await waitFor("the way to open", async () => (await reach("confined", podIp, 8080)) === "connected", {
      timeoutMs: 20_000,
    });
    expect(await reach("confined", clusterIp, 8080)).toBe("connected");
  }, 60_000);

  it("reaches no other port of the same pod, which an unconfined pod does", async () => {
    const podIp = await addressOf("pod", "server", ".status.podIP");
    expect(await reach("client", podIp, 8081)).toBe("connected");
    expect(await reach("confined", podIp, 8081)).toBe("timeout");
  }, 60_000);

  it("reaches no API server, kubelet, DNS, metadata address, forge or the world", async () => {
    const ports = await ensureClusterPorts(layout.ports);
    const forbidden: [string, number][] = [
      ["10.96.0.1", 443],
      [node.address, ports.apiServer],
      [node.address, ports.kubelet],
      [node.address, 53],
      ["169.254.169.254", 80],
      ["10.96.0.80", 443],
      ["192.0.2.1", 80],
    ];
    const answers = await Promise.all(forbidden.map(([host, port]) => reach("confined", host, port)));
    expect(answers).toEqual(forbidden.map(() => "timeout"));
    // The same question from an unconfined pod shows that there is something to reach.
    expect(await reach("client", "10.96.0.1", 443)).toBe("connected");
    expect(await reach("client", node.address, 53)).toBe("connected");
  }, 60_000);

  it("has no IPv6 to go around the filter with", async () => {
    const list = ["exec", "-n", namespace, "confined", "--", "cat", "/proc/net/if_inet6"];
    expect((await kube.ok(list)).trim()).toBe("");
  });
});
