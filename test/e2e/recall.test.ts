import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import { waitFor } from "#platform/process/wait.ts";
import { openCluster, type Forward, type Kube } from "#test/e2e/kube.ts";
import { createMissionRunner, releaseNamespace, tenant, type MissionRunner } from "#test/e2e/mission-run.ts";
import { openLedger, type Ledger, type LedgerRow } from "#test/e2e/record.ts";
import { askOver } from "#test/integration/pipeline/reader-server.ts";

const minutes = (n: number): number => n * 60_000;
const account = "e2e-reader";
const [first, second] = ["e2e-recall-first", "e2e-recall-second"];

let kube: Kube;
let ledger: Ledger;
let forward: Forward;
let reader: GrpcClient;
let again: Mission;
let runners: Readonly<Record<"told" | "retold", MissionRunner>>;

const sampleOf = async (name: string): Promise<Mission> =>
  parse(await readFile(`manifests/samples/${name}.yaml`, "utf8")) as Mission;

/** A client of the reader, as somebody who may view the tenant. */
const openReader = async (): Promise<GrpcClient> => {
  const given = ["-n", tenant];
  await kube.ok(["create", "serviceaccount", account, ...given]);
  const binding = ["--clusterrole=enchanted-view", `--serviceaccount=${tenant}:${account}`];
  await kube.ok(["create", "rolebinding", account, ...binding, ...given]);
  const token = (await kube.ok(["create", "token", account, "--audience=enchanted-collector", ...given])).trim();
  const ca = await kube.get<{ data: Record<string, string> }>("configmap", "enchanted-ca", releaseNamespace);
  forward = await kube.forward(releaseNamespace, "enchanted-reader", 4319);
  return createGrpcClient({
    address: `localhost:${forward.port}`,
    caPem: ca?.data["ca.crt"] ?? "",
    token: () => Promise.resolve(token),
    clock: systemClock(),
  });
};

const lessonsOf = (rows: readonly LedgerRow[], state: string): LedgerRow[] =>
  rows.filter((row) => row.event_type === "LESSON" && saidIn("LESSON", row.frame).state === state);

/** Waits until the ledger holds a lesson of a mission in a state, and answers it. */
const lessonIn = (missionUid: string, state: string): Promise<LedgerRow> =>
  waitFor(
    `a lesson ${state} of mission ${missionUid} in the ledger`,
    async () => lessonsOf(await ledger.framesOf(missionUid), state)[0],
    { timeoutMs: minutes(1), intervalMs: 500 },
  );

beforeAll(async () => {
  kube = await openCluster();
  ledger = await openLedger(kube, releaseNamespace);
  reader = await openReader();
  again = await sampleOf("fix-bug-again");
  runners = {
    told: createMissionRunner(kube, await sampleOf("fix-bug")),
    retold: createMissionRunner(kube, again),
  };
  for (const name of [first, second]) await runners.told.remove(name);
}, minutes(4));

afterAll(async () => {
  for (const name of [first, second]) await runners?.told.remove(name);
  await kube?.run(["delete", "rolebinding", account, "-n", tenant]);
  await kube?.run(["delete", "serviceaccount", account, "-n", tenant]);
  reader?.close();
  await forward?.close();
  await ledger?.[Symbol.asyncDispose]();
}, minutes(4));

describe("a second mission on the same bug, told in other words", () => {
  let lesson: LedgerRow;

  it(
    "follows a first one that left its lesson: the bug as it was told, its file, and the pull request",
    async () => {
      const { uid } = await runners.told.start(first, { scenario: "fix-bug" });
      expect(isTrue((await runners.told.finished(first)).status?.conditions, "Complete")).toBe(true);
      lesson = await lessonIn(uid, "learned");
      expect(lesson.producer).toBe("siphon");
      const { text = "", files } = saidIn("LESSON", lesson.frame);
      // What it decided is not in it where it was reminded of just that, by what earlier tests left in this namespace.
      expect(text).toMatch(/^Problem: The tests of the token bucket fail/);
      expect(text).toMatch(/^Outcome: Published as a pull request\.$/m);
      expect(files).toEqual(["src/token-bucket.js"]);
    },
    minutes(6),
  );

  it(
    "says of the first one that its criteria held",
    async () => {
      const parameters = { mission: first };
      await waitFor(
        "an outcome that is verified",
        async () => {
          const { rows } = await askOver(reader, { query: "outcomes", namespace: tenant, parameters });
          const { outcome, outcome_from: from } = rows.at(-1) ?? {};
          return outcome === "verified" && from === "VERDICT passed";
        },
        { timeoutMs: minutes(1), intervalMs: 500 },
      );
    },
    minutes(2),
  );

  it(
    "is reminded of it before its first step, and records that",
    async () => {
      // The memory takes a moment longer than the ledger. Of the same words it keeps the lesson that came first, an earlier run's perhaps.
      const { text: wanted } = saidIn("LESSON", lesson.frame);
      await waitFor(
        "the lesson in the memory",
        async () => {
          const parameters = { what: again.spec.goal };
          const { rows } = await askOver(reader, { query: "recall", namespace: tenant, parameters });
          return rows.find(({ text }) => text === wanted);
        },
        { timeoutMs: minutes(1), intervalMs: 500 },
      );
      // Its model goes on only where notes about the file are in its first message.
      const { uid } = await runners.retold.start(second, { scenario: "fix-bug-reminded", maxAttempts: 1 });
      expect(isTrue((await runners.retold.finished(second)).status?.conditions, "Complete")).toBe(true);
      await lessonIn(uid, "recalled");
      const recalled = lessonsOf(await ledger.framesOf(uid), "recalled").map(({ frame }) => saidIn("LESSON", frame));
      expect(recalled.map(({ text }) => text)).toContainEqual(
        expect.stringContaining("Decided: advance refilledAt by whole intervals"),
      );
      expect(recalled.every(({ sources }) => sources?.length === 1)).toBe(true);
    },
    minutes(6),
  );

  it(
    "learns nothing from what it was reminded of",
    async () => {
      const { uid = "" } = (await runners.retold.get(second))?.metadata ?? {};
      const { text = "" } = saidIn("LESSON", (await lessonIn(uid, "learned")).frame);
      expect(text).toMatch(/^Problem: The rate limiter locks clients out for ever/);
      expect(text).not.toContain("advance refilledAt by whole intervals");
    },
    minutes(2),
  );
});
