import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import { waitFor } from "#platform/process/wait.ts";
import { cloneBranch, openForge, type Forge } from "#test/e2e/forge.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";
import { createMissionRunner, releaseNamespace, tenant } from "#test/e2e/mission-run.ts";
import { faultsOf, openLedger, type Ledger } from "#test/e2e/record.ts";

const sh = promisify(execFile);
const minutes = (n: number): number => n * 60_000;

describe("a mission whose agent is a script", () => {
  let kube: Kube;
  let ledger: Ledger;
  let forge: Forge;
  let sample: Mission;
  let dir = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "own-agent-"));
    kube = await openCluster();
    ledger = await openLedger(kube, releaseNamespace);
    forge = await openForge(kube, dir);
    sample = parse(await readFile("manifests/samples/own-agent.yaml", "utf8")) as Mission;
  }, minutes(2));

  afterAll(async () => {
    await createMissionRunner(kube, sample).remove(sample.metadata.name);
    await ledger?.[Symbol.asyncDispose]();
    await forge?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  }, minutes(2));

  it(
    "completes with a pull request that passes the tests, and a whole record of what the script did",
    async () => {
      const { name } = sample.metadata;
      const runner = createMissionRunner(kube, sample);
      await runner.remove(name);
      await kube.apply(sample);
      const mission = await runner.finished(name);
      expect(mission.status?.outcome).toBeDefined();
      expect(isTrue(mission.status?.conditions, "Complete")).toBe(true);
      const pullRequest = await forge.pullRequest(mission.status?.pullRequests?.[0]?.number ?? 0);
      const fixed = await cloneBranch(forge, pullRequest.head.ref, join(dir, "fixed"));
      await expect(sh("node", ["--test"], { cwd: fixed })).resolves.toMatchObject({
        stdout: expect.stringMatching(/fail 0/),
      });
      const agent = await runner.agentOf(name);
      expect(agent?.spec.runtime).toEqual(sample.spec.team[0]?.runtime);
      const rows = await waitFor(
        "its frames in the ledger",
        async () => {
          const found = await ledger.framesOf(mission.metadata.uid);
          return found.some((row) => row.event_type === "VERDICT") ? found : undefined;
        },
        { timeoutMs: 30_000, intervalMs: 250 },
      );
      expect(faultsOf(rows, agent?.metadata.uid ?? "")).toEqual([]);
      const types = new Set(rows.map((row) => row.event_type));
      for (const type of ["DECISION_RATIONALE", "STATE_CHANGE", "PROPOSAL"]) expect(types).toContain(type);
      const logs = await kube.ok(["logs", `${name}-coder-1`, "-n", tenant, "-c", "agent"]);
      expect(logs).toContain("I was told: Goal: Make the tests of the token bucket pass");
    },
    minutes(5),
  );
});
