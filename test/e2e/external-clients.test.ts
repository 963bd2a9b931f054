import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { noMission } from "#nervous-system/schemas/ids.ts";
import { waitFor } from "#platform/process/wait.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import { openCluster, type Forward, type Kube } from "./kube.ts";
import { releaseNamespace, tenant } from "./mission-run.ts";
import { openLedger, type Ledger } from "./record.ts";
import { eventsOfTrace } from "./traces.ts";

const sh = promisify(execFile);
const account = "e2e-laptop";
let kube: Kube;
let ledger: Ledger;
let forward: Forward;
let python: string;
let token: string;
let caFile: string;
let dir = "";

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "strangers-"));
  python = await ensurePythonEnvironment();
  kube = await openCluster();
  ledger = await openLedger(kube, releaseNamespace);
  forward = await kube.forward(releaseNamespace, "enchanted-collector", 4318);
  const given = ["-n", tenant];
  await kube.ok(["create", "serviceaccount", account, ...given]);
  const binding = ["--clusterrole=enchanted-record", `--serviceaccount=${tenant}:${account}`];
  await kube.ok(["create", "rolebinding", account, ...binding, ...given]);
  token = (await kube.ok(["create", "token", account, "--audience=enchanted-collector", ...given])).trim();
  const ca = await kube.get<{ data: Record<string, string> }>("configmap", "enchanted-ca", releaseNamespace);
  caFile = join(dir, "ca.crt");
  await writeFile(caFile, ca?.data["ca.crt"] ?? "");
}, 300_000);

afterAll(async () => {
  await kube?.run(["delete", "rolebinding", account, "-n", tenant]);
  await kube?.run(["delete", "serviceaccount", account, "-n", tenant]);
  await forward?.close();
  await ledger?.[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

describe("an OpenTelemetry program outside of the cluster", () => {
  it("finds its decision and its state change in the ledger and in Jaeger", async () => {
    const { stdout } = await sh(python, ["test/integration/pipeline/agent_with_otlp.py", "http"], {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `https://localhost:${forward.port}`,
        OTEL_EXPORTER_OTLP_CERTIFICATE: caFile,
        OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${token}`,
      },
    });
    const traceId = stdout.trim();
    const types = await waitFor(
      "its frames in the ledger",
      async () => {
        const rows = (await ledger.framesOf(noMission)).filter(({ envelope }) => envelope.includes(traceId));
        return rows.length >= 6 ? rows.map(({ event_type }) => event_type) : undefined;
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(types).toEqual(expect.arrayContaining(["DECISION_RATIONALE", "STATE_CHANGE", "ERROR"]));
    const events = await eventsOfTrace(kube, releaseNamespace, traceId);
    expect(events["agent_execution_cycle"]).toEqual(expect.arrayContaining(["decision_made", "state_change_applied"]));
  }, 180_000);
});
