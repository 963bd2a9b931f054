import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { pods } from "#nervous-system/kubernetes/kinds.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { controllerReference } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { label, observeFinalizer } from "#nervous-system/schemas/names.ts";
import { groupVersion } from "#nervous-system/schemas/resources/define-resource.ts";
import { createLogger } from "#nervous-system/telemetry/logger.ts";
import {
  uninstall,
  uninstallClusterAccess,
  uninstallReleaseAccess,
  uninstallTenantAccess,
} from "#operator/uninstall/uninstall.ts";
import { anAgentSpec } from "#test/builders/agent.ts";
import { aMission } from "#test/builders/mission.ts";
import { clientWithAccess, startSwarmPlane } from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";

const releaseNamespace = "default";
let namespace = "";

let test: TestPlane;
let admin: KubeClient;
/** Has exactly the rights that it declares. */
let own: KubeClient;
let close: () => void;

const run = (): Promise<void> =>
  uninstall({
    client: own,
    clock: systemClock(),
    log: createLogger("uninstall", "error"),
    releaseNamespace,
    // The other one is gone, and the Role in it too.
    tenants: [namespace, "gone"],
    drainMs: 2_000,
  });

beforeAll(async () => {
  test = await startSwarmPlane();
  admin = test.admin;
  namespace = await freshNamespace(admin);
  ({ client: own, close } = await clientWithAccess(test, "uninstall", {
    cluster: uninstallClusterAccess,
    tenant: uninstallTenantAccess,
    namespace,
    release: { access: uninstallReleaseAccess, namespace: releaseNamespace },
  }));
}, 120_000);

afterAll(async () => {
  close?.();
  await test?.stop();
});

describe("uninstalling", () => {
  it("suspends what runs, leaves what is finished, and strips our finalizers but nobody else's", async () => {
    const { spec } = aMission();
    const draft = (name: string): Parameters<typeof admin.create<ReturnType<typeof aMission>>>[1] => ({
      apiVersion: groupVersion,
      kind: "Mission",
      metadata: { name, namespace },
      spec,
    });
    const running = await admin.create(missions, draft("running"));
    const finished = await admin.create(missions, draft("finished"));
    const complete = {
      type: "Complete",
      status: "True",
      reason: "CriteriaMet",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    await admin.patchStatus(missions, finished.metadata, { conditions: [complete] });
    const agent = await admin.create(agents, {
      apiVersion: groupVersion,
      kind: "Agent",
      metadata: {
        name: "running-coder",
        namespace,
        finalizers: [observeFinalizer, "example.org/other"],
        ownerReferences: [controllerReference(running)],
      },
      spec: anAgentSpec({ missionRef: { name: "running" } }) as never,
    });
    await admin.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "running-coder-1",
        namespace,
        finalizers: [observeFinalizer],
        labels: { [label.confined]: "true" },
      },
      spec: { containers: [{ name: "agent", image: "example.org/agent" }] },
    });

    await run();

    expect((await admin.get(missions, { namespace, name: "running" })).spec.suspend).toBe(true);
    expect((await admin.get(missions, { namespace, name: "finished" })).spec.suspend).toBe(false);
    expect((await admin.get(agents, agent.metadata)).metadata.finalizers).toEqual(["example.org/other"]);
    expect((await admin.get(pods, { namespace, name: "running-coder-1" })).metadata.finalizers ?? []).toEqual([]);
  }, 60_000);

  it("may be run again", async () => {
    await expect(run()).resolves.toBeUndefined();
  }, 60_000);
});
