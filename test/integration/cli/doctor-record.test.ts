import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import { connect } from "nats";
import { jetstream } from "@nats-io/jetstream";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tailMethod } from "#nervous-system/comms/grpc/methods.ts";
import { startGrpcServer } from "#nervous-system/comms/grpc/server.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { siphonSettings } from "#pipeline/siphon/sinks.ts";
import { startSiphon } from "#pipeline/siphon/start.ts";
import { freePort } from "#platform/process/ports.ts";
import { startS3 } from "#platform/stores/s3.ts";
import { serverIdentity } from "#test/integration/gateway/https-upstream.ts";
import { createAccount, startSwarmPlane, tokenFor } from "#test/integration/gateway/swarm-plane.ts";
import { eventually, freshNamespace } from "#test/integration/kubernetes/control-plane.ts";
import {
  connectTestBus,
  createCleanup,
  startTestNats,
  temporaryDirectory,
} from "#test/integration/pipeline/bus-harness.ts";
import { startTestCollector, type TestCollector } from "#test/integration/pipeline/collector-harness.ts";
import { allowRecording } from "#test/integration/pipeline/recording-right.ts";
import { setCliStage, type CliStage } from "./cli-stage.ts";

jest.setTimeout(180_000);

type Finding = { readonly check: string; readonly ok: boolean; readonly detail: string; readonly remedy?: string };
type User = { readonly namespace: string; readonly token: string };

const cleanup = createCleanup();
let collector: TestCollector;
let natsUrl: string;
let users: Record<"tenant" | "platform" | "recorder", User>;
let stage: CliStage;

beforeAll(async () => {
  const plane = await startSwarmPlane();
  cleanup.add(() => plane.stop());
  const nats = await startTestNats(cleanup);
  natsUrl = nats.url;
  collector = await startTestCollector(plane, nats, cleanup);
  const user = async (namespace: string, name: string, verbs: readonly string[]): Promise<User> => {
    await createAccount(plane.admin, namespace, name);
    await allowRecording(plane, namespace, name, verbs);
    return { namespace, token: await tokenFor(plane.admin, { namespace, name }, "enchanted-collector") };
  };
  users = {
    tenant: await user(await freshNamespace(plane.admin), "ann", ["create"]),
    platform: await user(collector.releaseNamespace, "root", ["create", "get"]),
    recorder: await user(collector.releaseNamespace, "robot", ["create"]),
  };
  // An archive that works beside a ledger that is away.
  const s3 = await startS3({ dir: await temporaryDirectory(cleanup) });
  cleanup.add(() => s3.stop());
  const bus = await connectTestBus(nats, cleanup);
  const settings = siphonSettings.parse({
    CLICKHOUSE_URL: `http://127.0.0.1:${await freePort()}`,
    CLICKHOUSE_USER: "enchanted",
    CLICKHOUSE_PASSWORD: "a-password-of-the-ledger",
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_BUCKET: "archive",
    S3_ACCESS_KEY_ID: s3.accessKey,
    S3_SECRET_ACCESS_KEY: s3.secretKey,
  });
  const own = { clock: systemClock(), random: Math.random, log: silentLog, healthPort: 0 };
  const siphon = await startSiphon({ ...own, settings, connectBus: () => Promise.resolve(bus) });
  cleanup.add(() => siphon.stop());
}, 600_000);
afterAll(() => cleanup.run(), 60_000);
beforeEach(async () => {
  stage = await setCliStage();
});
afterEach(() => stage.remove());

type Where = { readonly address: string; readonly caFile: string };

const doctorAt = async ({ address, caFile }: Where, { namespace, token }: User): Promise<readonly Finding[]> => {
  const tokenFile = join(stage.cwd, "token");
  await writeFile(tokenFile, `${token}\n`);
  const env = {
    XDG_STATE_HOME: join(stage.cwd, "state"),
    ENCHANTED_COLLECTOR: address,
    ENCHANTED_NAMESPACE: namespace,
    ENCHANTED_TOKEN_FILE: tokenFile,
    ENCHANTED_CA_FILE: caFile,
    ENCHANTED_SERVER_NAME: "enchanted-collector",
  };
  return JSON.parse((await stage.cli(["doctor", "--output", "json"], { env })).stdout) as Finding[];
};

const doctor = (user: User): Promise<readonly Finding[]> =>
  doctorAt({ address: `127.0.0.1:${collector.collector.port}`, caFile: collector.caFile }, user);

const of = (findings: readonly Finding[], check: string): Finding | undefined =>
  findings.find((finding) => finding.check === check);

describe("doctor", () => {
  it("names the sink whose store is away, beside one that runs; the store's words are for the platform only", async () => {
    await eventually("the siphon has told", async () => {
      const found = await doctor(users.platform);
      return of(found, "ledger")?.detail.includes("does not answer") === true && of(found, "archive")?.ok === true;
    });
    const told = await doctor(users.platform);
    expect(of(told, "ledger")).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^stands for \d+ s: its store does not answer \(.*ECONNREFUSED/),
      remedy: expect.stringContaining("docs/runbooks/store-stands.md"),
    });
    expect(of(told, "siphon")).toBeUndefined();
    expect(of(told, "auditor")).toMatchObject({ ok: false, detail: "never said anything" });
    for (const user of [users.tenant, users.recorder])
      expect(of(await doctor(user), "ledger")).toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^stands for \d+ s: its store does not answer; its store/),
      });
    expect(JSON.stringify(told)).not.toContain("a-password");
  });

  it("names what no sink can read to the platform, and not to a tenant", async () => {
    const connection = await connect({ servers: natsUrl });
    await jetstream(connection).publish("context.0.team-a.mission.agent.1.bulk", "no chunk");
    await connection.close();
    const letters = async (user: User): Promise<Finding | undefined> => of(await doctor(user), "letters");
    await eventually("it is a dead letter", async () => (await letters(users.platform))?.ok === false, 60_000);
    expect(await letters(users.platform)).toMatchObject({
      detail: expect.stringMatching(/^1 of archive; the newest: archive what is no frame of namespace _ \(/),
      remedy: expect.stringContaining("docs/runbooks/dead-letters.md"),
    });
    for (const user of [users.tenant, users.recorder])
      expect(await letters(user)).toMatchObject({ ok: true, detail: "no sink has a dead letter" });
  });

  it("says of a collector that is reached and does not answer just that", async () => {
    const tls = await serverIdentity(await temporaryDirectory(cleanup), "slow", ["DNS:enchanted-collector"]);
    const stopping = new AbortController();
    const server = await startGrpcServer({
      address: "127.0.0.1:0",
      tls: { cert: await readFile(tls.certFile, "utf8"), key: await readFile(tls.keyFile, "utf8") },
      handlers: [
        {
          kind: "unary",
          method: tailMethod,
          handle: () =>
            new Promise((_, reject) => {
              stopping.signal.addEventListener("abort", () => reject(new Error("over")), { once: true });
            }),
        },
      ],
      onError: () => undefined,
      clock: systemClock(),
    });
    const found = await doctorAt({ address: `127.0.0.1:${server.port}`, caFile: tls.caFile }, users.tenant);
    stopping.abort();
    await server.close(1_000);
    expect(found.filter(({ ok }) => !ok)).toEqual([
      {
        check: "answers",
        ok: false,
        detail: `127.0.0.1:${server.port} was reached and answered nothing within 10 s`,
        remedy: expect.stringContaining("deployment/enchanted-collector"),
      },
    ]);
  });
});
