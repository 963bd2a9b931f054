import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { agents, interventions, personas, type Intervention } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { accessTo, type Access } from "#nervous-system/kubernetes/access.ts";
import { pods, type Pod } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import type { Draft, ObjectMeta, OwnerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { operatorTenantAccess } from "#operator/access.ts";
import { run } from "#platform/process/run.ts";
import { anIntervention } from "#test/builders/intervention.ts";
import { aPersona } from "#test/builders/persona.ts";
import { ensureTool } from "#platform/tools/ensure-tool.ts";
import {
  clientWithAccess,
  createAccount,
  createPod,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { clientOn, eventually, freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

const digest = `@sha256:${"0".repeat(64)}`;
const images = ["operator", "pipeline", "scribe", "supervisor"].map((name) => `images.${name}=r/${name}${digest}`);
const values = [...images, `defaults.agentImage=r/agent${digest}`].join(",");

let test: TestPlane;
let operator: KubeClient;
/** Somebody with the rights of the cluster's own role `edit` in the namespace. */
let editor: KubeClient;
const closing: Array<() => void> = [];
let namespace = "";

const owner = (apiVersion: string, kind: string, controller = true): OwnerReference => ({
  apiVersion,
  kind,
  name: "fix-bug-coder",
  uid: "2b6f0000-0000-4000-8000-000000000001",
  controller,
});
const agent = owner("swarm.enchanted.dev/v1alpha1", "Agent");

const draft = (name: string, metadata: Partial<ObjectMeta> = {}): Draft<Pod> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name, ...metadata },
  spec: { containers: [{ name: "c", image: "none" }] },
});

const isRefused = (call: Promise<unknown>, policy = "enchanted-pods"): Promise<boolean> =>
  call.then(
    () => false,
    (error: Error) => error.message.includes(`'enchanted-system-${policy}'`),
  );

/** A client of a user of the given groups. */
const clientOf = async (user: string, ...groups: string[]): Promise<KubeClient> => {
  const { client, close } = clientOn({ kind: "file", path: await test.plane.kubeconfigFor({ user, groups }) });
  closing.push(close);
  return client;
};

/** A client of a user who has these rights in the namespace. */
const clientWith = async (user: string, tenant: readonly Access[]): Promise<KubeClient> => {
  const { client, close } = await clientWithAccess(test, user, { cluster: [], tenant, namespace });
  closing.push(close);
  return client;
};

const kubectl = (...args: string[]): Promise<string> =>
  run([test.plane.kubectl, `--kubeconfig=${test.plane.kubeconfigPath}`, ...args]);

// What `edit` takes in, since here no controller fills it.
const letEdit = (where: string): Promise<string> =>
  kubectl("create", "rolebinding", "ed", "--clusterrole=system:aggregate-to-edit", "--user=ed", `--namespace=${where}`);

/** An act that somebody does under a name. */
const anAct = (name: string, requestedBy: string): Draft<Intervention> => {
  const { spec, ...act } = anIntervention({ spec: { requestedBy } });
  return { apiVersion: act.apiVersion, kind: act.kind, metadata: { namespace, name }, spec };
};

/** What a token can be bound to without there being such a pod. */
const nobody = { metadata: { name: "nobody-1", uid: "2b6f0000-0000-4000-8000-000000000002" } } as Pod;

type Way = "exec" | "attach";

/** Asks to be let into a container of a pod; without a kubelet nobody is, but who may gets as far as that. */
const connect = (client: KubeClient, way: Way, pod: string, container: string): Promise<unknown> => {
  const query = new URLSearchParams({ ...(container === "" ? {} : { container }), stdout: "true", command: "true" });
  return client.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods/${pod}/${way}?${query.toString()}`,
  });
};

beforeAll(async () => {
  test = await startSwarmPlane();
  namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  operator = await clientWith("system:serviceaccount:enchanted-system:enchanted-operator", operatorTenantAccess);
  editor = await clientOf("ed");
  await letEdit(namespace);
  const helm = [await ensureTool("helm"), "template", "enchanted-swarm", "charts/enchanted-swarm"];
  const of = ["--namespace=enchanted-system", "--kube-version=1.36.3", "--show-only=templates/admission.yaml"];
  const file = join(test.dir, "admission.yaml");
  const shown = ["--show-only=templates/rbac.yaml", "--set", `${values},tenants={${namespace}}`];
  await writeFile(file, await run([...helm, ...of, ...shown]));
  expect(await readFile(file, "utf8")).toContain("kind: ValidatingAdmissionPolicyBinding");
  await kubectl("create", "namespace", "enchanted-system");
  await kubectl("apply", "-f", file);
  const probe = draft("probe", { ownerReferences: [agent] });
  await eventually("the policies are in force", async () => {
    const refused = [
      isRefused(test.admin.create(pods, probe, { dryRun: true })),
      isRefused(tokenFor(test.admin, { namespace }, audience.collector, nobody), "enchanted-tokens"),
      isRefused(connect(editor, "exec", "any-1", "scribe"), "enchanted-exec"),
      isRefused(test.admin.create(interventions, anAct("any", "nobody"), { dryRun: true }), "enchanted-interventions"),
    ];
    return !(await Promise.all(refused)).includes(false);
  });
}, 120_000);

afterAll(async () => {
  for (const close of closing) close();
  await test?.stop();
});

describe("a pod that an Agent or a Mission owns", () => {
  it.each([
    ["an Agent as its controller", agent],
    ["a Mission", owner("swarm.enchanted.dev/v1alpha1", "Mission")],
    ["an Agent of a version to come", owner("swarm.enchanted.dev/v2", "Agent")],
    ["an Agent by its group alone", owner("swarm.enchanted.dev", "Agent")],
    ["an Agent as an owner among others", owner("swarm.enchanted.dev/v1alpha1", "Agent", false)],
  ])("is made by nobody but the operator: with %s", async (_, reference) => {
    const forged = draft("fix-bug-coder-1", { ownerReferences: [reference] });
    expect(await isRefused(test.admin.create(pods, forged))).toBe(true);
    await expect(operator.create(pods, forged, { dryRun: true })).resolves.toMatchObject({ kind: "Pod" });
  });

  it("does not come about by a change of another", async () => {
    const { metadata } = await test.admin.create(pods, draft("fix-bug-coder-2"));
    expect(await isRefused(test.admin.patch(pods, metadata, { metadata: { ownerReferences: [agent] } }))).toBe(true);
    const other = { ...owner("v1", "ConfigMap"), name: "any" };
    const changed = (
      await test.admin.patch(pods, metadata, { metadata: { ownerReferences: [other], labels: { a: "b" } } })
    ).metadata;
    expect(changed.labels).toEqual({ a: "b" });
    // By the Agent's UID under another kind, and then its own.
    const masked = { ...agent, apiVersion: "x.example/v1", kind: "X" };
    const { metadata: after } = await test.admin.patch(pods, changed, { metadata: { ownerReferences: [masked] } });
    expect(await isRefused(test.admin.patch(pods, after, { metadata: { ownerReferences: [agent] } }))).toBe(true);
  });

  it("is let go of once it has ended, as the garbage collector does for who deletes its owner alone", async () => {
    const { metadata } = await operator.create(pods, draft("fix-bug-coder-4", { ownerReferences: [agent] }));
    const orphan = { metadata: { ownerReferences: null } };
    expect(await isRefused(test.admin.patch(pods, metadata, orphan))).toBe(true);
    const ended = await test.admin.patchStatus(pods, metadata, { phase: "Succeeded" });
    expect((await test.admin.patch(pods, ended.metadata, orphan)).metadata.ownerReferences).toBeUndefined();
  });

  it("keeps its labels, by which it is confined or let out, whoever else may change it otherwise", async () => {
    const confined = "swarm.enchanted.dev/confined";
    const made = draft("fix-bug-coder-3", {
      ownerReferences: [agent],
      labels: { [confined]: "true" },
      finalizers: ["swarm.enchanted.dev/observe"],
    });
    const { metadata } = await operator.create(pods, made);
    const others = [{ "swarm.enchanted.dev/agent": "other" }, { app: "web" }];
    for (const labels of [{ [confined]: null }, { [confined]: "false" }, ...others])
      expect(await isRefused(test.admin.patch(pods, metadata, { metadata: { labels } }))).toBe(true);
    const letGo = { ownerReferences: null, labels: { [confined]: null } };
    expect(await isRefused(test.admin.patch(pods, metadata, { metadata: letGo }))).toBe(true);
    const evil = { spec: { containers: [{ name: "c", image: "evil" }] } };
    expect(await isRefused(test.admin.patch(pods, metadata, evil))).toBe(true);
    // As a mesh and the uninstall hook do.
    const changed = { annotations: { mesh: "yes" }, finalizers: null };
    const after = await test.admin.patch(pods, metadata, { metadata: changed });
    expect(after.metadata).toMatchObject({ labels: { [confined]: "true" }, annotations: { mesh: "yes" } });
    await test.admin.delete(pods, after.metadata, { gracePeriodSeconds: 0 });
  });
});

describe("a token that is bound to a pod", () => {
  const askedBy = (client: KubeClient, audiences: string | readonly string[], pod?: Pod) =>
    tokenFor(client, { namespace }, audiences, pod);

  it.each(Object.values(audience))(
    "is for no editor nor the cluster's admin where it is for audience %s",
    async (of) => {
      const pod = await createPod(test.admin, namespace, `${of}-1`);
      for (const client of [editor, test.admin])
        for (const audiences of [of, ["another", of]])
          expect(await isRefused(askedBy(client, audiences, pod), "enchanted-tokens")).toBe(true);
    },
  );

  it("is given to the kubelet that runs the pod", async () => {
    const projected = { sources: [{ serviceAccountToken: { path: "token", audience: audience.collector } }] };
    const pod = await test.admin.create(pods, {
      ...draft("run-1"),
      spec: {
        containers: [{ name: "c", image: "none" }],
        nodeName: "n1",
        serviceAccountName: "default",
        volumes: [{ name: "token", projected }],
      },
    });
    await kubectl("create", "clusterrole", "asks-for-tokens", "--verb=create", "--resource=serviceaccounts/token");
    await kubectl("create", "clusterrolebinding", "kubelets", "--clusterrole=asks-for-tokens", "--user=system:node:n1");
    const kubelet = await clientOf("system:node:n1", "system:nodes");
    await eventually("the kubelet gets a token", () =>
      askedBy(kubelet, audience.collector, pod).then(
        () => true,
        () => false,
      ),
    );
  }, 60_000);

  it("is anybody's for other audiences, as is one of ours that names no pod", async () => {
    const pod = await createPod(test.admin, namespace, "free-1");
    for (const token of [await askedBy(editor, "another", pod), await askedBy(editor, audience.collector)])
      expect(token.split(".")).toHaveLength(3);
  });
});

describe("a way into a running container", () => {
  /** What the API server says before it looks for the pod, which there is none of. */
  const outcomeOf = async (client: KubeClient, ...into: [way: Way, pod: string, container: string]) =>
    connect(client, ...into).then(
      () => "in",
      ({ message }: Error) => {
        if (message.includes("'enchanted-system-enchanted-exec'")) return "refused";
        return message.includes(`pods "${into[1]}" not found`) ? "in" : message;
      },
    );
  const ways = ["exec", "attach"] as const;
  let sre: KubeClient;

  beforeAll(async () => {
    const into = ways.map((way) => accessTo(pods, ["create"], way));
    sre = await clientWith("sre", [...into, accessTo(agents, ["create"], "exec")]);
    await eventually("the rights are known", async () => (await outcomeOf(sre, "exec", "any-1", "scribe")) === "in");
  });

  it.each([
    ["fix-bug-coder-1", "scribe"],
    ["fix-bug-coder-1", "ports"],
    ["fix-bug-coder-1", "fetch"],
    ["fix-bug-verify-1", "criterion-1"],
    ["fix-bug-verify-12", "criterion-16"],
    // Where none is named Kubernetes takes the main one: a verifier's last criterion.
    ["fix-bug-verify-1", ""],
  ])("of pod %s, container %j, is for who may create agents/exec, and no editor", async (pod, container) => {
    for (const way of ways) {
      expect(await outcomeOf(editor, way, pod, container)).toBe("refused");
      expect(await outcomeOf(sre, way, pod, container)).toBe("in");
    }
  });

  it.each([
    ["fix-bug-coder-1", "agent"],
    ["fix-bug-coder-1", ""],
    ["web-5d9c", "fetch"],
    ["web-0", "web"],
    ["web-0", ""],
  ])("of pod %s, container %j, is an editor's", async (pod, container) => {
    for (const way of ways) expect(await outcomeOf(editor, way, pod, container)).toBe("in");
  });

  it("is another namespace's own matter", async () => {
    const elsewhere = await freshNamespace(test.admin);
    await letEdit(elsewhere);
    const path = `/api/v1/namespaces/${elsewhere}/pods/any-1/exec?container=scribe&command=true&stdout=true`;
    await eventually("the editor is let through there", () =>
      editor.request({ method: "POST", path }).then(
        () => false,
        ({ message }: Error) => message.includes('pods "any-1" not found'),
      ),
    );
  }, 60_000);
});

const bind = (role: string, user: string): Promise<string> =>
  kubectl("create", "rolebinding", user, `--clusterrole=${role}`, `--user=${user}`, `--namespace=${namespace}`);
const code = (call: Promise<unknown>): Promise<number> =>
  call.then(
    () => 200,
    (error: { code: number }) => error.code,
  );

describe("a Persona", () => {
  const create = (client: KubeClient, name: string) => {
    const { apiVersion, kind, spec } = aPersona();
    return client.create(personas, { apiVersion, kind, metadata: { namespace, name }, spec });
  };

  it("is written by who may edit, and only read by who may look", async () => {
    await Promise.all([bind("enchanted-edit", "pat"), bind("enchanted-view", "vic")]);
    const [pat, vic] = await Promise.all([clientOf("pat"), clientOf("vic")]);
    for (const client of [pat, vic])
      await eventually(
        "their rights are known",
        async () => (await code(client.list(personas, { namespace }))) === 200,
      );
    const { metadata } = await create(pat, "reviewer");
    expect(await code(pat.patch(personas, metadata, { spec: { description: "Reads twice." } }))).toBe(200);
    expect(await code(create(vic, "another"))).toBe(403);
    expect(await code(pat.patchStatus(personas, metadata, { phase: "Ready" }))).toBe(403);
  });
});

describe("an act on a mission", () => {
  it("is done by who may edit, under the name that the API server knows them by, and never changed", async () => {
    await bind("enchanted-edit", "ann");
    const ann = await clientOf("ann");
    await eventually("her rights are known", async () => (await code(ann.list(interventions, { namespace }))) === 200);
    await expect(ann.create(interventions, anAct("by-bob", "bob"))).rejects.toThrow(
      'spec.requestedBy must be who asks, "ann" (kubectl auth whoami)',
    );
    const { metadata } = await ann.create(interventions, anAct("by-ann", "ann"));
    expect(await code(ann.patch(interventions, metadata, { spec: { kind: "Cancel" } }))).toBe(403);
    expect(await code(ann.patchStatus(interventions, metadata, { phase: "Applied" }))).toBe(403);
    expect(await code(ann.delete(interventions, metadata))).toBe(403);
  });

  it("is not done by who may only look", async () => {
    await bind("enchanted-view", "eve");
    const eve = await clientOf("eve");
    await eventually("her rights are known", async () => (await code(eve.list(interventions, { namespace }))) === 200);
    expect(await code(eve.create(interventions, anAct("by-eve", "eve")))).toBe(403);
  });
});
