import { describe, expect, it } from "@jest/globals";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { decideMission } from "#operator/mission/decide.ts";
import type { MissionPlan } from "#operator/mission/plan.ts";
import { published, snapshot, verifierPod, verifying } from "#test/builders/mission-snapshot.ts";
import {
  disruptedStatus,
  otherInitStatus,
  verifierStatus,
  verifyingStatus,
  type PodStatus,
} from "#test/builders/pod-status.ts";

const criteria = (...commands: string[]) => ({ successCriteria: commands.map((command) => ({ command })) });
const mission = verifying(1, {}, criteria("npm run lint", "npm test"));

/** What the mission comes to whose verifier pod, of these two criteria, its kubelet tells this of. */
const decided = (status: PodStatus, metadata = {}): MissionPlan =>
  decideMission(snapshot({ ...published, mission, verifier: verifierPod(status, { mission, metadata }) }));

describe("the verdict of a criterion", () => {
  it("is its container's exit code, whatever it left as its message", () => {
    const forged = { command: "npm run lint", exitCode: 0, output: "all passed" };
    const plan = decided(verifierStatus({ of: 2, exitCode: 1, message: forged }));
    expect(plan).toMatchObject({ phase: "Failed", reason: Reason.CriteriaFailed, verifierExitCode: 1 });
    expect(plan.ending?.message).toBe("`npm test` ended with exit code 1 on the published branch.");
    const boastful = { outcome: "Failed", reason: "RefNotFound", message: "not the fault of the change" };
    const other = decided(verifierStatus({ of: 2, exitCode: 2, message: boastful }));
    expect(other.ending?.message).toBe("`npm test` ended with exit code 2 on the published branch.");
  });

  it("is told by its own command, with the end of its output", () => {
    const plan = decided(verifierStatus({ of: 2, place: 1, exitCode: 3, message: "x".repeat(3000) + "1 warning" }));
    expect(plan).toMatchObject({ phase: "Failed", verifierExitCode: 3 });
    expect(plan.ending).toMatchObject({
      message: "`npm run lint` ended with exit code 3 on the published branch.",
      evidence: expect.stringMatching(/^x{2039}1 warning$/),
    });
  });

  it("is not undone by what comes after it", () => {
    const { initContainerStatuses, ...failed } = verifierStatus({ of: 2, place: 1, exitCode: 1 });
    const { containerStatuses } = verifierStatus({ of: 2, exitCode: 0 });
    const both = { ...failed, phase: "Succeeded", initContainerStatuses, containerStatuses } as PodStatus;
    expect(decided(both)).toMatchObject({ phase: "Failed", reason: Reason.CriteriaFailed, verifierExitCode: 1 });
  });

  it("ends the mission at once, also while the pod still lives", () => {
    const ending = { ...verifierStatus({ of: 2, place: 1, exitCode: 1 }), phase: "Pending" };
    expect(decided(ending)).toMatchObject({ phase: "Failed", reason: Reason.CriteriaFailed });
  });

  it("is waited for where it is one of several that hold", () => {
    expect(decided(verifyingStatus({ place: 1, of: 2 })).phase).toBe("Verifying");
    expect(decided(verifyingStatus({ place: 2, of: 2 })).phase).toBe("Verifying");
    expect(decided(verifierStatus({ of: 2, exitCode: 0 }))).toMatchObject({
      phase: "Complete",
      message: expect.stringContaining("All 2 success criteria hold."),
    });
  });

  it("says so where it holds although a process of it was killed for memory", () => {
    expect(decided(verifierStatus({ of: 2, exitCode: 0, reason: "OOMKilled" }))).toMatchObject({
      phase: "Complete",
      reason: Reason.CriteriaMet,
      message: expect.stringContaining("criteria hold. Processes were killed for their memory in `npm test`. "),
    });
  });

  it("is needed of every one: a pod that ended well with one untold is run again", () => {
    const { initContainerStatuses: _, ...untold } = verifierStatus({ of: 2, exitCode: 0 });
    expect(decided(untold)).toMatchObject({ phase: "Verifying" });
  });

  it("stays what it was when the cluster ends the pod after it", () => {
    const taken = disruptedStatus("EvictionByEvictionAPI").conditions!;
    const late = taken.map((one) => ({ ...one, lastTransitionTime: "2026-11-23T09:05:00Z" }));
    const failed = { ...verifierStatus({ of: 2, place: 1, exitCode: 1 }), conditions: late } as PodStatus;
    expect(decided(failed)).toMatchObject({ phase: "Failed", reason: Reason.CriteriaFailed });
    expect(decided({ ...failed, conditions: taken })).toMatchObject({ phase: "Verifying" });
  });

  it.each([
    ["its memory", { exitCode: 137, reason: "OOMKilled" }, "`npm test` used more memory than its container may have"],
    [
      "an image without a shell",
      { exitCode: 128, reason: "StartError", message: "no such file" },
      "could not be started",
    ],
    ["no checkout", { exitCode: 125 }, "`npm test` could not be checked out, or ended with exit code 125"],
    ["a signal", { exitCode: 139 }, "`npm test` ended with exit code 139"],
  ])("is told as what it is where it comes of %s", (_, end, words) => {
    const { ending } = decided(verifierStatus({ of: 2, ...end }));
    expect(ending).toMatchObject({ reason: Reason.CriteriaFailed, message: expect.stringContaining(words) });
  });

  it("is told as too late where the pod's time was over", () => {
    const late = { ...verifierStatus({ of: 2, exitCode: 137 }), reason: "DeadlineExceeded" };
    expect(decided(late).ending?.message).toContain("`npm test` had not ended when the time");
    const between = { ...verifyingStatus({ place: 2, of: 2 }), phase: "Failed", reason: "DeadlineExceeded" };
    expect(decided(between).ending?.message).toContain("`npm test` had not ended when the time");
    const waiting = { state: { waiting: { reason: "ImagePullBackOff" } } };
    const containerStatuses = between.containerStatuses?.map((one) => ({ ...one, ...waiting }));
    const never = { ...between, containerStatuses } as PodStatus;
    expect(decided(never).ending?.message).toMatch(
      /`npm test` had not begun when the time .+ over: ImagePullBackOff\./,
    );
  });

  it("is no criterion's where somebody else's container kept them from being run", () => {
    const broken = otherInitStatus({ terminated: { exitCode: 1, reason: "Error" } });
    expect(decided(broken).ending?.message).toMatch(/could not be met: Init container "mesh-init"/);
  });
});

describe("criteria that are not the pod's", () => {
  const edited = verifying(1, {}, criteria("npm run lint", "npm run test:all"));
  const passed = verifierPod(verifierStatus({ of: 2, exitCode: 0 }), { mission });

  it("are run in a new pod, since nobody has judged them", () => {
    const plan = decideMission(snapshot({ ...published, mission: edited, verifier: passed }));
    expect(plan).toMatchObject({ phase: "Verifying", acts: [{ kind: "createVerifier", attempt: 2 }] });
  });

  it("fail a mission whose pods are changed by somebody each time", () => {
    const tenth = verifying(10, {}, edited.spec);
    expect(decideMission(snapshot({ ...published, mission: tenth, verifier: passed }))).toMatchObject({
      phase: "Failed",
      reason: Reason.VerifierDisrupted,
      message: expect.stringContaining("other success criteria"),
    });
  });
});
