import { describe, expect, it } from "@jest/globals";
import type { NetworkSnapshot, PodView, PolicyView } from "./model.ts";
import { renderPacketFilter } from "./rules.ts";

const pod = (
  name: string,
  podIP: string,
  labels: Record<string, string> = {},
  extra: Partial<PodView> = {},
): PodView => ({
  metadata: { name, namespace: "default", labels },
  spec: { containers: [{ ports: [{ name: "grpc", containerPort: 4317 }] }] },
  status: { podIP, phase: "Running" },
  ...extra,
});

const policy = (spec: PolicyView["spec"], namespace = "default"): PolicyView => ({
  metadata: { name: "policy", namespace },
  spec,
});

const confined = { "swarm.enchanted.dev/confined": "true" };
const agent = pod("agent", "10.244.0.5", confined);
const collector = pod("collector", "10.244.0.9", { app: "collector" });

const rulesOf = (chain: string, snapshot: Partial<NetworkSnapshot>): string[] =>
  renderPacketFilter({ pods: [], namespaces: [], policies: [], ...snapshot })
    .split("\n")
    .filter((line) => line.startsWith(`-A ENCHANTED-${chain} `))
    .map((line) => line.replace(`-A ENCHANTED-${chain} `, ""));

const toCollector = { to: [{ podSelector: { matchLabels: { app: "collector" } } }] };
const egressOf = (rule: NonNullable<PolicyView["spec"]["egress"]>[number]) =>
  policy({ podSelector: { matchLabels: confined }, policyTypes: ["Egress"], egress: [rule] });

describe("what a pod sends", () => {
  it("is dropped while nobody knows the pod", () => {
    expect(rulesOf("EGRESS", {})).toEqual(["-j DROP"]);
  });

  it("passes when the pod is known and nothing isolates it", () => {
    expect(rulesOf("EGRESS", { pods: [collector] })).toEqual(["-s 10.244.0.9/32 -j RETURN", "-j DROP"]);
  });

  it("is dropped for a confined pod that no policy names", () => {
    expect(rulesOf("EGRESS", { pods: [agent] })).toEqual(["-j DROP"]);
  });

  it("passes for a confined pod to the pods and ports that a policy's egress names", () => {
    const policies = [egressOf({ ...toCollector, ports: [{ port: 4317 }] })];
    expect(rulesOf("EGRESS", { pods: [agent, collector], policies })[0]).toBe(
      "-s 10.244.0.5/32 -d 10.244.0.9/32 -p tcp --dport 4317 -j RETURN",
    );
  });

  it("finds a named port in the pod that is connected to", () => {
    const policies = [egressOf({ ...toCollector, ports: [{ port: "grpc" }] })];
    expect(rulesOf("EGRESS", { pods: [agent, collector], policies })[0]).toContain("--dport 4317");
  });

  it("passes nowhere by a named port that the other pod does not have", () => {
    const policies = [egressOf({ ...toCollector, ports: [{ port: "http" }] })];
    expect(rulesOf("EGRESS", { pods: [agent, collector], policies })).toEqual([
      "-s 10.244.0.9/32 -j RETURN",
      "-j DROP",
    ]);
  });

  it("passes over a range of ports, and to an address block", () => {
    const to = [{ ipBlock: { cidr: "192.0.2.0/24" } }];
    const policies = [egressOf({ to, ports: [{ port: 80, endPort: 90, protocol: "UDP" }] })];
    expect(rulesOf("EGRESS", { pods: [agent], policies })[0]).toBe(
      "-s 10.244.0.5/32 -d 192.0.2.0/24 -p udp --dport 80:90 -j RETURN",
    );
  });

  it("does not pass to a block with exceptions, which would need to be exact", () => {
    const to = [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }];
    expect(rulesOf("EGRESS", { pods: [agent], policies: [egressOf({ to })] })).toEqual(["-j DROP"]);
  });

  it("reaches pods of another namespace only by a namespace selector", () => {
    const other = pod(
      "collector",
      "10.244.0.9",
      { app: "collector" },
      {
        metadata: { name: "collector", namespace: "system", labels: { app: "collector" } },
      },
    );
    const namespaces = [{ metadata: { name: "system", labels: { "kubernetes.io/metadata.name": "system" } } }];
    const across = {
      to: [{ ...toCollector.to[0], namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "system" } } }],
    };
    const rules = (rule: typeof across | typeof toCollector) =>
      rulesOf("EGRESS", { pods: [agent, other], namespaces, policies: [egressOf(rule)] }).filter((line) =>
        line.includes("-s 10.244.0.5"),
      );
    expect(rules(across)).toEqual(["-s 10.244.0.5/32 -d 10.244.0.9/32 -j RETURN"]);
    expect(rules(toCollector)).toEqual([]);
  });

  it("is judged no longer by a finished pod, whose address may be another's", () => {
    const finished = pod("done", "10.244.0.7", {}, { status: { podIP: "10.244.0.7", phase: "Succeeded" } });
    expect(rulesOf("EGRESS", { pods: [finished] })).toEqual(["-j DROP"]);
  });
});

describe("what a pod gets", () => {
  it("is everything while no policy isolates it", () => {
    expect(rulesOf("INGRESS", { pods: [collector] })).toEqual([]);
  });

  it("is only what a policy's ingress names", () => {
    const from = [
      { podSelector: { matchExpressions: [{ key: "swarm.enchanted.dev/confined", operator: "Exists" as const }] } },
    ];
    const policies = [
      policy({ podSelector: { matchLabels: { app: "collector" } }, ingress: [{ from, ports: [{ port: "grpc" }] }] }),
    ];
    expect(rulesOf("INGRESS", { pods: [agent, collector], policies })).toEqual([
      "-d 10.244.0.9/32 -s 10.244.0.5/32 -p tcp --dport 4317 -j RETURN",
      "-d 10.244.0.9/32 -j DROP",
    ]);
  });

  it("is not judged by a policy of another namespace", () => {
    const policies = [policy({ podSelector: {}, policyTypes: ["Ingress"] }, "system")];
    expect(rulesOf("INGRESS", { pods: [collector], policies })).toEqual([]);
  });
});
