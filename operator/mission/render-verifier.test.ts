import { describe, expect, it } from "@jest/globals";
import { renderVerifierPod } from "#operator/mission/render-verifier.ts";
import { renderedCriteria } from "#operator/pod/criteria.ts";
import type { Container } from "#operator/pod/parts.ts";
import { aMission } from "#test/builders/mission.ts";
import { aPodConfig } from "#test/builders/pod-config.ts";

const commands = ['node -e "$(cat $$HOME/x)"', "npm run lint", "npm test"];
const mission = aMission({
  spec: {
    successCriteria: commands.map((command) => ({ command })),
    workspace: { repo: "https://forge.example.org/a/b.git", secretRef: { name: "git" } },
  },
});
const spec = renderVerifierPod(aPodConfig(), {
  mission,
  attempt: 1,
  ref: "swarm/a/b",
  commit: "1".repeat(40),
  gateway: "10.0.0.2",
}).spec!;
const [fetch, ...inits] = spec.initContainers!;
const criteria: readonly Container[] = [...inits, ...spec.containers];
const volumesOf = ({ volumeMounts = [] }: Container, readOnly: boolean): string[] =>
  volumeMounts.filter((one) => (one.readOnly === true) === readOnly).map(({ name }) => name);

describe("the pod of a verifier", () => {
  it("runs each criterion in a container of its own, one after the other, in their order", () => {
    expect(renderedCriteria(spec)).toEqual(commands.map((command, at) => ({ name: `criterion-${at + 1}`, command })));
    expect(spec.initContainers!.map(({ name }) => name)).toEqual(["fetch", "criterion-1", "criterion-2"]);
    expect(spec.containers.map(({ name }) => name)).toEqual(["criterion-3"]);
    expect(spec.initContainers!.map(({ restartPolicy }) => restartPolicy)).toEqual([undefined, undefined, undefined]);
    expect(spec.restartPolicy).toBe("Never");
  });

  it("runs none beside a process of ours, which it could talk into a verdict", () => {
    expect([spec.shareProcessNamespace, spec.hostPID, spec.hostIPC, spec.hostNetwork]).toEqual(
      Array(4).fill(undefined),
    );
    for (const { command, env, securityContext } of criteria) {
      expect(command!.slice(0, 2)).toEqual(["/bin/sh", "-c"]);
      expect(JSON.stringify(command)).not.toMatch(/node|enchanted\/bin/);
      expect(env!.map(({ name }) => name)).toEqual(["ENCHANTED_CRITERION"]);
      expect(securityContext!.runAsUser).not.toBe(fetch!.securityContext!.runAsUser);
    }
  });

  it("lets none write where another one reads, or where what was fetched lies", () => {
    const written = criteria.flatMap((container) => volumesOf(container, false));
    expect(written).toHaveLength(9);
    expect(new Set(written).size).toBe(9);
    for (const container of criteria) {
      expect(volumesOf(container, true)).toEqual(["fetch"]);
      expect(container.securityContext!.readOnlyRootFilesystem).toBe(true);
      const places = container.volumeMounts!.filter(({ readOnly }) => readOnly !== true).map((one) => one.mountPath);
      expect(places).toEqual(["/workspace", "/tmp", "/dev/shm"]);
    }
    expect(volumesOf(fetch!, true)).toEqual(["token-fetch", "git-secret"]);
    expect(spec.volumes!.map(({ name }) => name)).not.toContain("bin");
  });

  it("reads what is in a fork by the pull request's number, from the mission's repository", () => {
    const pullOf = (pull?: number): readonly unknown[] => {
      const input = { mission, attempt: 1, ref: "swarm/a/b", commit: "1".repeat(40), gateway: "10.0.0.2", pull };
      const { env } = renderVerifierPod(aPodConfig(), input).spec!.initContainers![0]!;
      return ["ENCHANTED_PULL", "ENCHANTED_REPO"].map((name) => env!.find((one) => one.name === name)?.value);
    };
    expect(pullOf(12)).toEqual(["12", mission.spec.workspace.repo]);
    expect(pullOf()).toEqual([undefined, mission.spec.workspace.repo]);
  });

  it("ends as soon as a kubelet can end it: process 1 of a container hears no SIGTERM", () => {
    expect(spec.terminationGracePeriodSeconds).toBe(1);
  });
});
