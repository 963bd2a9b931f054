import { describe, expect, it } from "@jest/globals";
import { judgeFindings, parseExceptions, parseFindings, type Finding } from "./judge-findings.ts";

const reason = "a reason that says enough";
const probe: Finding = { check: "CKV_1", name: "has a probe", resource: "Deployment.swarm.enchanted-a" };
const other: Finding = { ...probe, resource: "StatefulSet.swarm.enchanted-b" };

describe("findings of the scanner", () => {
  it("are none where each has its exception", () => {
    expect(judgeFindings([probe, other], [{ check: "CKV_1", reason }])).toEqual([]);
  });

  it("are told where an exception is for another object", () => {
    const excepted = [{ check: "CKV_1", resources: ["Deployment.swarm."], reason }];
    expect(judgeFindings([probe, other], excepted)).toEqual(["CKV_1 StatefulSet.swarm.enchanted-b: has a probe"]);
  });

  it("are told where an exception is for another check", () => {
    const [first] = judgeFindings([probe], [{ check: "CKV_10", reason }]);
    expect(first).toBe("CKV_1 Deployment.swarm.enchanted-a: has a probe");
  });

  it("are asked for by each exception, so that none outlives its finding", () => {
    const excepted = [{ check: "CKV_1", resources: ["Deployment.", "Job."], reason }];
    expect(judgeFindings([probe], excepted)).toEqual(["CKV_1 Job.: excepted, and not found any more"]);
  });

  it("are never excepted without a reason", () => {
    expect(() => parseExceptions([{ check: "CKV_1", reason: "" }])).toThrow(/reason/);
  });

  it("are read from a report that has looked at something, and at all of it", () => {
    const failed_checks = [{ check_id: "CKV_1", check_name: "has a probe", resource: probe.resource, more: 1 }];
    const summary = { passed: 3, parsing_errors: 0 };
    expect(parseFindings({ summary, results: { failed_checks } })).toEqual([probe]);
    expect(() => parseFindings({ summary: { ...summary, passed: 0 }, results: { failed_checks } })).toThrow(/passed/);
    expect(() => parseFindings({ summary: { ...summary, parsing_errors: 1 }, results: { failed_checks } })).toThrow(
      /parsing_errors/,
    );
  });
});
