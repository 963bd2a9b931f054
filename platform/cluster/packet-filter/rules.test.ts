import { describe, expect, it } from "@jest/globals";
import { families, subtract } from "./family.ts";
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

const [ipv4, ipv6] = families as [(typeof families)[0], (typeof families)[0]];

const rulesOf = (chain: string, snapshot: Partial<NetworkSnapshot>, family = ipv4): string[] =>
  renderPacketFilter(family, { pods: [], namespaces: [], policies: [], ...snapshot })
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

  it("passes for a pod that no policy selects, whatever its labels say", () => {
    expect(rulesOf("EGRESS", { pods: [agent] })).toEqual(["-s 10.244.0.5/32 -j RETURN", "-j DROP"]);
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

  it("passes to a block but for its exceptions", () => {
    const to = [{ ipBlock: { cidr: "192.0.2.0/24", except: ["192.0.2.128/26"] } }];
    expect(rulesOf("EGRESS", { pods: [agent], policies: [egressOf({ to })] })).toEqual([
      "-s 10.244.0.5/32 -d 192.0.2.0/25 -j RETURN",
      "-s 10.244.0.5/32 -d 192.0.2.192/26 -j RETURN",
      "-j DROP",
    ]);
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

  it("is not judged by a policy that asks for a label which every object inherits", () => {
    const podSelector = { matchExpressions: [{ key: "constructor", operator: "Exists" as const }] };
    expect(rulesOf("INGRESS", { pods: [collector], policies: [policy({ podSelector })] })).toEqual([]);
  });

  it("is not judged by a policy of another namespace", () => {
    const policies = [policy({ podSelector: {}, policyTypes: ["Ingress"] }, "system")];
    expect(rulesOf("INGRESS", { pods: [collector], policies })).toEqual([]);
  });
});

describe("in IPv6", () => {
  const dual = (one: PodView, six: string): PodView => ({
    ...one,
    status: { ...one.status, podIPs: [{ ip: one.status.podIP ?? "" }, { ip: six }] },
  });
  const pods = [dual(agent, "fd00::5"), dual(collector, "fd00::9")];

  it("what a pod sends is dropped while nobody knows the pod", () => {
    expect(rulesOf("EGRESS", {}, ipv6)).toEqual(["-j DROP"]);
    expect(rulesOf("EGRESS", { pods: [agent] }, ipv6)).toEqual(["-j DROP"]);
    expect(rulesOf("FORWARD", {}, ipv6)).toContain("-i veth+ -j ENCHANTED-EGRESS");
    expect(rulesOf("INPUT", {}, ipv6)).toContain("-i veth+ -j ENCHANTED-EGRESS");
  });

  it("the same policies hold at the pods' addresses of that family", () => {
    const policies = [
      egressOf({ ...toCollector, ports: [{ port: 4317 }] }),
      policy({ podSelector: { matchLabels: { app: "collector" } }, ingress: [{ from: [{ podSelector: {} }] }] }),
    ];
    expect(rulesOf("EGRESS", { pods, policies }, ipv6)).toEqual([
      "-s fd00::5/128 -d fd00::9/128 -p tcp --dport 4317 -j RETURN",
      "-s fd00::9/128 -j RETURN",
      "-j DROP",
    ]);
    expect(rulesOf("INGRESS", { pods, policies }, ipv6)).toEqual([
      "-d fd00::9/128 -s fd00::5/128 -j RETURN",
      "-d fd00::9/128 -s fd00::9/128 -j RETURN",
      "-d fd00::9/128 -j DROP",
    ]);
    expect(rulesOf("EGRESS", { pods, policies })[0]).toBe(
      "-s 10.244.0.5/32 -d 10.244.0.9/32 -p tcp --dport 4317 -j RETURN",
    );
  });

  it("a block opens its own family only, and everywhere is both", () => {
    const block = (cidr: string) => [egressOf({ to: [{ ipBlock: { cidr } }] })];
    const ofAgent = (policies: PolicyView[], family = ipv6) =>
      rulesOf("EGRESS", { pods: [pods[0]!], policies }, family).filter((rule) => rule !== "-j DROP");
    expect(ofAgent(block("0.0.0.0/0"))).toEqual([]);
    expect(ofAgent(block("0.0.0.0/0"), ipv4)).toEqual(["-s 10.244.0.5/32 -d 0.0.0.0/0 -j RETURN"]);
    expect(ofAgent(block("2001:db8::/32"))).toEqual(["-s fd00::5/128 -d 2001:db8::/32 -j RETURN"]);
    expect(ofAgent([egressOf({})])).toEqual(["-s fd00::5/128 -d ::/0 -j RETURN"]);
    expect(ofAgent([egressOf({})], ipv4)).toEqual(["-s 10.244.0.5/32 -d 0.0.0.0/0 -j RETURN"]);
  });
});

describe("a range without its exceptions", () => {
  it.each([
    ["none", ipv4, "10.0.0.0/8", [], ["10.0.0.0/8"]],
    ["itself", ipv4, "10.0.0.0/8", ["10.0.0.0/8"], []],
    ["more than itself", ipv4, "10.1.0.0/16", ["10.0.0.0/8"], []],
    ["none of its own", ipv4, "10.1.0.0/16", ["10.2.0.0/16"], ["10.1.0.0/16"]],
    ["a half", ipv4, "0.0.0.0/0", ["128.0.0.0/1"], ["0.0.0.0/1"]],
    ["two", ipv4, "10.0.0.0/30", ["10.0.0.0/32", "10.0.0.3/32"], ["10.0.0.1/32", "10.0.0.2/32"]],
    ["one within another", ipv4, "10.0.0.0/29", ["10.0.0.0/30", "10.0.0.1/32"], ["10.0.0.4/30"]],
    ["a range written by an address within it", ipv4, "10.0.0.0/30", ["10.0.0.3/31"], ["10.0.0.0/31"]],
    ["unique local ones", ipv6, "fc00::/6", ["fc00::/7"], ["fe00::/7"]],
    ["those of another family", ipv6, "::/0", ["10.0.0.0/8"], ["::/0"]],
  ] as const)("is exact: %s", (_, family, cidr, except, left) => {
    expect(subtract(family, cidr, except)).toEqual(left);
  });

  it("is one range for each bit of a single address", () => {
    expect(subtract(ipv4, "0.0.0.0/0", ["169.254.169.254/32"])).toHaveLength(32);
    expect(subtract(ipv6, "::/0", ["fd00:ec2::254/128"])).toHaveLength(128);
  });
});
