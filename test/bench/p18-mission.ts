import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { isTrue } from "#nervous-system/schemas/conditions.ts";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { waitFor } from "#platform/process/wait.ts";
import { openCluster, type Kube } from "#test/e2e/kube.ts";
import { createMissionRunner, releaseNamespace, tenant, type MissionRunner } from "#test/e2e/mission-run.ts";
import { openLedger, type Ledger, type LedgerRow } from "#test/e2e/record.ts";
import type { Bench, Reading, Staged } from "./harness/bench.ts";

const NAME = "bench-p18";
const LOOK_MS = 100;
const MINUTE_MS = 60_000;

const secondsBetween = (from: number, to: number): number => (to - from) / 1_000;
const observedMs = ({ observed_ns }: LedgerRow): number => Number(BigInt(observed_ns) / 1_000n) / 1_000;

/** What its agent's own steps took, from the first call of a model to the proposal, and what the rest did. */
const partsOf = (rows: readonly LedgerRow[], applied: number, completed: number): Reading | undefined => {
  const first = (type: string): number | undefined => rows.filter((row) => row.event_type === type).map(observedMs)[0];
  const [asked, proposed, published] = [first("MODEL_CALL"), first("PROPOSAL"), first("PUBLICATION")];
  if (asked === undefined || proposed === undefined || published === undefined) return undefined;
  const [whole, own] = [secondsBetween(applied, completed), secondsBetween(asked, proposed)];
  return {
    whole,
    own,
    beyond: whole - own,
    start: secondsBetween(applied, asked),
    publication: secondsBetween(proposed, published),
    verification: secondsBetween(published, completed),
  };
};

const measureMission = async (runner: MissionRunner, ledger: Ledger): Promise<Reading> => {
  await runner.remove(NAME);
  const applied = Date.now();
  const { uid } = await runner.start(NAME, { scenario: "fix-bug" });
  const mission = await runner.finished(NAME);
  const completed = Date.now();
  if (!isTrue(mission.status?.conditions, "Complete")) throw new Error(`mission ${NAME} has not completed`);
  const parts = async (): Promise<Reading | undefined> => partsOf(await ledger.framesOf(uid), applied, completed);
  const reading = await waitFor("its frames in the ledger", parts, { timeoutMs: MINUTE_MS, intervalMs: 250 });
  await runner.remove(NAME);
  return reading;
};

// What the sample's agent does and its mission checks, as a script of one's own would.
const SCRIPT = `
git clone -q "https://$USERNAME:$TOKEN@gitea.forge.svc/swarm/turnstile.git" /workspace/repo
cd /workspace/repo
began=$(date +%s%N)
cat src/token-bucket.js > /dev/null
node --test > /dev/null || true
sed -i '
  s|const gained = .*|const intervalMs = 1000 / this.#refillPerSecond;\\n    const gained = Math.max(0, Math.floor(elapsedMs / intervalMs));|
  /#tokens + gained/,/}/ s|#refilledAt = now;|#refilledAt = this.#tokens >= this.#capacity \\|\\| elapsedMs < 0 ? now : this.#refilledAt + gained * intervalMs;|
' src/token-bucket.js
node --test > /dev/null
ended=$(date +%s%N)
git -c user.name=bench -c user.email=bench@example.org commit -qam mended
git push -q --force origin "HEAD:refs/heads/$BRANCH"
echo "own $((ended - began))"
`;

const renderJob = (image: string): object => {
  const env = (name: string, key: string): object => ({ name, valueFrom: { secretKeyRef: { name: "forge", key } } });
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: NAME, namespace: tenant },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            fsGroup: 65_532,
            seccompProfile: { type: "RuntimeDefault" },
          },
          containers: [
            {
              name: "job",
              image,
              command: ["sh", "-euc", SCRIPT],
              env: [
                env("USERNAME", "username"),
                env("TOKEN", "password"),
                { name: "BRANCH", value: NAME },
                { name: "HOME", value: "/workspace" },
                { name: "GIT_SSL_CAINFO", value: "/ca/ca.crt" },
              ],
              volumeMounts: [
                { name: "work", mountPath: "/workspace" },
                { name: "ca", mountPath: "/ca" },
              ],
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
          volumes: [
            { name: "work", emptyDir: {} },
            { name: "ca", configMap: { name: NAME } },
          ],
        },
      },
    },
  };
};

type Deployment = {
  readonly spec: { template: { spec: { containers: Array<{ env?: Array<{ name: string; value?: string }> }> } } };
};
type Job = { readonly status?: { readonly succeeded?: number; readonly failed?: number } };

const removeJob = (kube: Kube): Promise<string> =>
  kube.ok(["delete", "job,configmap", NAME, "-n", tenant, "--ignore-not-found", "--timeout=60s"]);

const measureJob = async (kube: Kube, image: string): Promise<Reading> => {
  await removeJob(kube);
  const ca = await kube.get<{ data: Record<string, string> }>("configmap", "enchanted-ca", releaseNamespace);
  const metadata = { name: NAME, namespace: tenant };
  await kube.apply({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": ca?.data["extra.crt"] ?? "" } });
  const applied = Date.now();
  await kube.apply(renderJob(image));
  const ended = async (): Promise<Job["status"]> => {
    const status = (await kube.get<Job>("job", NAME, tenant))?.status;
    return (status?.succeeded ?? 0) + (status?.failed ?? 0) > 0 ? status : undefined;
  };
  const end = await waitFor("the Job's end", ended, { timeoutMs: 2 * MINUTE_MS, intervalMs: LOOK_MS });
  if ((end?.failed ?? 0) > 0) throw new Error(await kube.ok(["logs", `job/${NAME}`, "-n", tenant]));
  const whole = secondsBetween(applied, Date.now());
  const [, ownNs = "0"] = /own (\d+)/.exec(await kube.ok(["logs", `job/${NAME}`, "-n", tenant])) ?? [];
  await removeJob(kube);
  const own = Number(ownNs) / 1e9;
  return { whole, own, beyond: whole - own };
};

const stage = async (): Promise<Staged> => {
  const kube = await openCluster();
  const ledger = await openLedger(kube, releaseNamespace);
  const sample = parse(await readFile("manifests/samples/fix-bug.yaml", "utf8")) as Mission;
  const runner = createMissionRunner(kube, sample, { intervalMs: LOOK_MS });
  const operator = await kube.get<Deployment>("deployment", "enchanted-operator", releaseNamespace);
  const environment = operator?.spec.template.spec.containers.flatMap(({ env = [] }) => env) ?? [];
  const agentImage = environment.find(({ name }) => name === "ENCHANTED_AGENT_IMAGE")?.value ?? "";
  const part = (name: string, what: string) => ({
    id: `P18 ${name}`,
    what,
    unit: "s",
    ours: ["mission", name] as const,
    peer: ["job", "whole"] as const,
  });
  return {
    contestants: [
      { name: "mission", measure: () => measureMission(runner, ledger) },
      { name: "job", measure: () => measureJob(kube, agentImage) },
    ],
    figures: [
      {
        id: "P18",
        what: "time of the sample mission beyond its agent's own steps, beside a Job that clones, runs the same and pushes, without what it runs",
        unit: "s",
        ours: ["mission", "beyond"],
        peer: ["job", "beyond"],
        goal: { kind: "ratioAtMost", must: 1.5, aim: 1 },
      },
      part("whole", "time of the mission, from `kubectl apply` to Complete, beside the Job's"),
      part("start", "of that until the first call of a model"),
      part("own", "the agent's own steps, from that to the proposal"),
      part("publication", "from the proposal to the pull request"),
      part("verification", "from the pull request to Complete: a pod that clones the branch and runs the criteria"),
    ],
    conditions: [
      "On the cluster of `make up`, which must be up; every image is on its node.",
      "The Job uses the agent's image, clones, runs the tests, edits, runs them again, commits and pushes; it asks no model, opens no pull request, and nobody verifies what it pushed.",
    ],
    dispose: async () => {
      await ledger[Symbol.asyncDispose]();
    },
  };
};

/** P18: what being recorded, published and verified costs a mission. */
export const missionBench: Bench = { id: "P18", title: "A mission beside a Job", stage };
