import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { bundleImage } from "#platform/images/bundle.ts";
import { repositoryRoot } from "#platform/environment.ts";
import type { NatsServer } from "#platform/stores/nats.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import {
  collectorKubeconfig,
  createAccount,
  createMission,
  createOwnedAgent,
  startSwarmPlane,
  tokenFor,
} from "#test/integration/gateway/swarm-plane.ts";
import { freshNamespace, type TestPlane } from "#test/integration/kubernetes/control-plane.ts";
import { startTestArchive, type TestArchive } from "#test/integration/pipeline/archive-harness.ts";
import {
  connectTestBus,
  startTestNats,
  temporaryDirectory,
  type Cleanup,
} from "#test/integration/pipeline/bus-harness.ts";
import { startTestLedger, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";
import { layOutPod, setStage, type Pod, type Stage } from "#test/integration/scribe/stage.ts";
import type { Random } from "#test/simulation/random.ts";
import { lastingPorts } from "./lasting-ports.ts";
import { createVictim, type Victim } from "./victim.ts";

/** An agent with its pod's volumes. */
export type ChaosAgent = { readonly uid: string; readonly name: string; readonly pod: Pod };

/** What the shipped programs run on: a real API server, a real NATS, certificates, tokens. */
export type ChaosPlane = {
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly collectors: ReadonlyArray<{ readonly victim: Victim; readonly port: number }>;
  readonly agents: readonly ChaosAgent[];
  readonly scribes: readonly Victim[];
  readonly siphon: Victim;
  readonly ledger: TestLedger;
  readonly archive: TestArchive;
  readonly dir: string;
};

type CollectorFiles = {
  program: string;
  kubeconfig: string;
  certFile: string;
  keyFile: string;
  natsUrl: string;
  dir: string;
};

const collectorNumber = (n: number, release: string, files: CollectorFiles, ports: readonly number[]) => {
  const [port = 0, httpPort = 0, healthPort = 0] = ports;
  const env = {
    KUBECONFIG: files.kubeconfig,
    NATS_URL: files.natsUrl,
    ENCHANTED_RELEASE_NAMESPACE: release,
    ENCHANTED_LISTEN: `127.0.0.1:${port}`,
    ENCHANTED_LISTEN_HTTP: `127.0.0.1:${httpPort}`,
    ENCHANTED_HEALTH_PORT: String(healthPort),
    ENCHANTED_TLS_CERT_FILE: files.certFile,
    ENCHANTED_TLS_KEY_FILE: files.keyFile,
    // No blob is put here, and frames do not wait for the store of blobs.
    S3_ENDPOINT: "http://127.0.0.1:9",
    S3_BUCKET: "enchanted",
    S3_ACCESS_KEY_ID: "none",
    S3_SECRET_ACCESS_KEY: "none",
    LOG_LEVEL: "warn",
  };
  const command = [process.execPath, files.program, "collector"];
  const victim = createVictim({ name: `collector-${n}`, command, env: () => env, logDir: files.dir });
  return { victim, port };
};

type Size = { agents: number; collectors: number; random: Random };
type Setting = {
  test: TestPlane;
  stage: Stage;
  caPem: string;
  ports: readonly number[];
  random: Random;
  dir: string;
};

const prepareAgents = async (count: number, { test, stage, caPem, ports, random, dir }: Setting) => {
  const namespace = await freshNamespace(test.admin);
  await createAccount(test.admin, namespace);
  const mission = await createMission(test.admin, { namespace, name: "fix" });
  const prepared: ChaosAgent[] = [];
  const scribes: Victim[] = [];
  for (let n = 1; n <= count; n += 1) {
    const name = `coder-${n}`;
    const { agent, pod } = await createOwnedAgent(test.admin, mission, name);
    const [service, otlp, otlpHttp, model, metrics] = await lastingPorts(5, random.next);
    const itsPod = await layOutPod(stage, name, 0, {
      ENCHANTED_SERVICE_PORT: String(service),
      ENCHANTED_OTLP_PORT: String(otlp),
      ENCHANTED_OTLP_HTTP_PORT: String(otlpHttp),
      ENCHANTED_MODEL_PORT: String(model),
      ENCHANTED_METRICS_PORT: String(metrics),
      ENCHANTED_NAMESPACE: namespace,
      ENCHANTED_MISSION: "fix",
      ENCHANTED_MISSION_UID: mission.metadata.uid,
      ENCHANTED_AGENT: name,
      ENCHANTED_AGENT_UID: agent.metadata.uid,
      ENCHANTED_CA_PEM: caPem,
    });
    await writeFile(itsPod.token, await tokenFor(test.admin, { namespace }, "enchanted-collector", pod));
    prepared.push({ uid: agent.metadata.uid, name, pod: itsPod });
    // Each life goes to any of the collectors: a chain is written by several of them in turn, and at once.
    const env = () => ({ ...itsPod.env, ENCHANTED_COLLECTOR: `127.0.0.1:${random.pick(ports)}` });
    const command = [process.execPath, join(stage.programs, "main.js"), "scribe"];
    scribes.push(createVictim({ name: `scribe-${n}`, command, env, logDir: dir }));
  }
  return { agents: prepared, scribes };
};

type Ledgered = {
  program: string;
  natsUrl: string;
  dir: string;
  ledger: TestLedger;
  archive: TestArchive;
  random: Random;
};

const prepareSiphon = async ({ program, natsUrl, dir, ledger, archive, random }: Ledgered): Promise<Victim> => {
  const [healthPort = 0] = await lastingPorts(1, random.next);
  const { url, username, password } = ledger.server;
  const env = {
    NATS_URL: natsUrl,
    CLICKHOUSE_URL: url,
    CLICKHOUSE_USER: username,
    CLICKHOUSE_PASSWORD: password,
    S3_ENDPOINT: archive.server.endpoint,
    S3_REGION: archive.server.region,
    S3_BUCKET: archive.bucket,
    S3_ACCESS_KEY_ID: archive.server.accessKey,
    S3_SECRET_ACCESS_KEY: archive.server.secretKey,
    ...archive.keyFiles,
    ENCHANTED_HEALTH_PORT: String(healthPort),
    LOG_LEVEL: "warn",
  };
  const command = [process.execPath, program, "siphon"];
  return createVictim({ name: "siphon", command, env: () => env, logDir: dir });
};

const prepareCollectors = async (
  count: number,
  { test, random }: Pick<Setting, "test" | "random">,
  files: Omit<CollectorFiles, "kubeconfig">,
) => {
  const { namespace, kubeconfig } = await collectorKubeconfig(test);
  const collectors = [];
  for (let n = 1; n <= count; n += 1)
    collectors.push(collectorNumber(n, namespace, { ...files, kubeconfig }, await lastingPorts(3, random.next)));
  return collectors;
};

/** Starts what is around the victims and prepares them; they do not run yet. */
export const startChaosPlane = async (
  cleanup: Cleanup,
  { agents: count, collectors: width, random }: Size,
): Promise<ChaosPlane> => {
  const dir = await temporaryDirectory(cleanup);
  const test = await startSwarmPlane();
  cleanup.add(() => test.stop());
  const nats = await startTestNats(cleanup);
  const bus = await connectTestBus(nats, cleanup);
  const stage = await setStage();
  cleanup.add(() => stage.remove());
  const tls = await serverIdentity(join(dir, "pki"), "collector", ["DNS:enchanted-collector", "IP:127.0.0.1"]);
  const program = join(await bundleImage(repositoryRoot, "pipeline", join(dir, "pipeline")), "main.js");
  const natsUrl = nats.url;
  const collectors = await prepareCollectors(width, { test, random }, { ...tls, natsUrl, dir, program });
  const ledger = await startTestLedger(cleanup);
  const archive = await startTestArchive(cleanup);
  const siphon = await prepareSiphon({ program, natsUrl, dir, ledger, archive, random });
  const caPem = await readFile(tls.caFile, "utf8");
  const ports = collectors.map(({ port }) => port);
  const { agents: itsAgents, scribes } = await prepareAgents(count, { test, stage, caPem, ports, random, dir });
  for (const victim of [...collectors.map((one) => one.victim), ...scribes, siphon]) cleanup.add(() => victim.kill());
  return { nats, bus, collectors, agents: itsAgents, scribes, siphon, ledger, archive, dir };
};
