import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import { layoutOf } from "#platform/cluster/layout.ts";
import { cacheDirectory, repositoryRoot, stateDirectory } from "#platform/environment.ts";
import { createImageBuilder } from "#platform/images/builder.ts";
import { ensureImages } from "#platform/images/catalog.ts";
import { openRegistry } from "#platform/images/registry.ts";
import { waitFor } from "#platform/process/wait.ts";
import { cloneBranch, openForge, type Forge } from "#test/e2e/forge.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";
import { createMissionRunner, releaseNamespace, tenant, type MissionRunner } from "#test/e2e/mission-run.ts";
import { faultsOf, openLedger, type Ledger } from "#test/e2e/record.ts";

const sh = promisify(execFile);
const minutes = (n: number): number => n * 60_000;

describe("a mission whose agent is another program", () => {
  let kube: Kube;
  let ledger: Ledger;
  let forge: Forge;
  let sample: Mission;
  let runner: MissionRunner;
  let dir = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "own-agent-"));
    kube = await openCluster();
    ledger = await openLedger(kube, releaseNamespace);
    forge = await openForge(kube, dir);
    sample = parse(await readFile("manifests/samples/own-agent.yaml", "utf8")) as Mission;
    runner = createMissionRunner(kube, sample);
  }, minutes(2));

  afterAll(async () => {
    for (const name of ["own-agent", "e2e-codex"]) await runner?.remove(name);
    await ledger?.[Symbol.asyncDispose]();
    await forge?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  }, minutes(4));

  /** Waits for the end of a mission, which must be good: a pull request that passes the tests. Answers the types of its frames. */
  const completed = async (name: string): Promise<ReadonlySet<string>> => {
    const mission = await runner.finished(name);
    expect(mission.status?.outcome).toBeDefined();
    expect(isTrue(mission.status?.conditions, "Complete")).toBe(true);
    const pullRequest = await forge.pullRequest(mission.status?.pullRequests?.[0]?.number ?? 0);
    if (name === "own-agent") expect(pullRequest.title).toBe("Keep the interval that has begun at each refill");
    const fixed = await cloneBranch(forge, pullRequest.head.ref, join(dir, name));
    await expect(sh("node", ["--test"], { cwd: fixed })).resolves.toMatchObject({
      stdout: expect.stringMatching(/fail 0/),
    });
    const rows = await waitFor(
      "its VERDICT in the ledger",
      async () => {
        const found = await ledger.framesOf(mission.metadata.uid);
        return found.some((row) => row.event_type === "VERDICT") ? found : undefined;
      },
      { timeoutMs: 30_000, intervalMs: 250 },
    );
    const agent = await runner.agentOf(name);
    expect(faultsOf(rows, agent?.metadata.uid ?? "")).toEqual([]);
    return new Set(rows.map((row) => row.event_type));
  };

  it(
    "completes by a script, with a whole record of what it did",
    async () => {
      await runner.remove("own-agent");
      await kube.apply(sample);
      expect([...(await completed("own-agent"))]).toEqual(
        expect.arrayContaining(["DECISION_RATIONALE", "STATE_CHANGE", "PROPOSAL"]),
      );
      expect((await runner.agentOf("own-agent"))?.spec.runtime).toEqual(sample.spec.team[0]?.runtime);
      const logs = await kube.ok(["logs", "own-agent-coder-1", "-n", tenant, "-c", "agent"]);
      expect(logs).toContain("I was told: Goal: Make the tests of the token bucket pass");
    },
    minutes(5),
  );

  it(
    "completes by Codex, whose calls of its model are recorded",
    async () => {
      const builder = createImageBuilder(layoutOf(stateDirectory()), await openRegistry(layoutOf(stateDirectory())));
      const shop = { builder, root: repositoryRoot, cacheDir: cacheDirectory() };
      const { "agent-codex": image = "" } = await ensureImages(shop, ["agent-codex"], () => {});
      await runner.remove("e2e-codex");
      await runner.start("e2e-codex", { scenario: "codex", member: { runtime: { kind: "Codex" }, image } });
      expect([...(await completed("e2e-codex"))]).toEqual(
        expect.arrayContaining(["MODEL_CALL", "STATE_CHANGE", "PROPOSAL"]),
      );
    },
    minutes(10),
  );
});
