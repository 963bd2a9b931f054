import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBus, type Bus } from "#nervous-system/comms/nats/bus.ts";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { createObjectStore, emptySpool, type ObjectStore } from "#nervous-system/stores/s3/object-store.ts";
import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { parseConfig, type ConfigResult } from "#nervous-system/kernel/config.ts";
import { surviveRejections, unforeseen } from "#nervous-system/kernel/last-resort.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createKubeClient } from "#nervous-system/kubernetes/client.ts";
import { createConnector } from "#nervous-system/kubernetes/connection.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { createTransport } from "#nervous-system/kubernetes/transport.ts";
import { tokenFrom } from "#nervous-system/recorder/token-file.ts";
import { randomIds, type Ids } from "#nervous-system/schemas/ids.ts";
import { createObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { createLogger, type Logger } from "#nervous-system/telemetry/logger.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { retrying } from "#pipeline/retrying.ts";
import {
  blobSettings,
  busSettings,
  kubeSettings,
  sharedSettings,
  streamSettings,
  type BlobSettings,
  type BusSettings,
  type KubeSettings,
  type SharedSettings,
  type StreamSettings,
} from "#pipeline/settings.ts";

const STOP_GRACE_MS = 25_000;

/** What every part gets from this process. */
type Process = PartEnvironment & { readonly ids: Ids; readonly log: Logger };

type Running = {
  stop(graceMs: number): Promise<void>;
  /** Of what ends by itself. */
  readonly done?: Promise<void>;
};

const kubeClient = ({ KUBECONFIG: path }: KubeSettings, userAgent: string, clock: Clock): KubeClient => {
  const source = path === undefined ? { kind: "in-cluster" as const } : { kind: "file" as const, path };
  const transport = createTransport({ connector: createConnector(source, clock), userAgent, clock });
  return createKubeClient({ transport, clock });
};

const busConnector = (name: string, settings: BusSettings, shared: Process) => async (): Promise<Bus> =>
  createBus({
    ...shared,
    name,
    servers: settings.NATS_URL,
    user: settings.NATS_USER,
    password: settings.NATS_PASSWORD,
    caPem: await readOnlyCa(settings.NATS_CA_FILE),
  });

/** Connects, and sees to the streams. */
const streamsConnector = (name: string, settings: BusSettings & StreamSettings, shared: Process) => async () => {
  const bus = await busConnector(name, settings, shared)();
  const { NATS_REPLICAS: replicas, NATS_STREAM_SIZE: maxBytes } = settings;
  await retrying("setting up the streams", () => bus.ensureStreams({ replicas, maxBytes }), shared);
  return bus;
};

const blobStore = async (settings: BlobSettings, shared: Process): Promise<ObjectStore> => {
  const client = createObjectClient({
    endpoint: settings.S3_ENDPOINT,
    caPem: await readOnlyCa(settings.S3_CA_FILE),
    region: settings.S3_REGION,
    bucket: settings.S3_BUCKET,
    objectLock: settings.ARCHIVE_LOCK_MODE !== undefined,
    accessKeyId: settings.S3_ACCESS_KEY_ID,
    secretAccessKey: settings.S3_SECRET_ACCESS_KEY,
  });
  // Frames do not wait for the store of blobs: a blob that cannot be put yet is sent again by its owner.
  void retrying("seeing to the bucket", () => client.ensureBucket(), shared);
  return createObjectStore({ client, spoolDir: await emptySpool(join(tmpdir(), "enchanted-blobs")) });
};

/** Where the collector asks for agents what is remembered; nowhere where no reader is named. */
const readerClient = async (
  settings: {
    readonly ENCHANTED_READER?: string | undefined;
    readonly ENCHANTED_READER_CA_FILE: string;
    readonly ENCHANTED_TOKEN_FILE: string;
  },
  { clock }: Process,
) => {
  const { ENCHANTED_READER: address } = settings;
  if (address === undefined) return undefined;
  const caPem = await readFile(settings.ENCHANTED_READER_CA_FILE, "utf8");
  return createGrpcClient({ address, caPem, token: tokenFrom(settings.ENCHANTED_TOKEN_FILE), clock });
};

const untilStopped = (): Promise<string> =>
  new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });

type Started = { readonly shared: Process; readonly running: Promise<Running> };

const processOf = (name: string, settings: SharedSettings): Process => ({
  clock: systemClock(),
  random: Math.random,
  ids: randomIds(),
  log: createLogger(name, settings.LOG_LEVEL),
  healthPort: settings.ENCHANTED_HEALTH_PORT,
});

const starting = <S extends SharedSettings>(
  name: string,
  parsed: ConfigResult<S>,
  start: (settings: S, shared: Process) => Promise<Running>,
): Started => {
  if (parsed.kind === "invalid") {
    process.stderr.write(`${parsed.message}\n`);
    process.exit(64);
  }
  const shared = processOf(name, parsed.value);
  surviveRejections(process, (err) => shared.log.error({ err }, unforeseen));
  return { shared, running: start(parsed.value, shared) };
};

const collector = async (): Promise<Started> => {
  const { collectorSettings } = await import("#pipeline/collector/settings.ts");
  const { startCollector } = await import("#pipeline/collector/start.ts");
  const schema = collectorSettings.extend({
    ...sharedSettings.shape,
    ...kubeSettings.shape,
    ...busSettings.shape,
    ...streamSettings.shape,
    ...blobSettings.shape,
  });
  return starting("collector", parseConfig(schema, process.env), async (settings, shared) =>
    startCollector({
      ...shared,
      settings,
      client: kubeClient(settings, "enchanted-collector", shared.clock),
      connectBus: streamsConnector("collector", settings, shared),
      blobs: await blobStore(settings, shared),
      reader: await readerClient(settings, shared),
    }),
  );
};

const gateway = async (): Promise<Started> => {
  const { gatewaySettings } = await import("#pipeline/gateway/settings.ts");
  const { startGateway } = await import("#pipeline/gateway/start.ts");
  const { createCollectorBlobs } = await import("#pipeline/gateway/collector-blobs.ts");
  const schema = gatewaySettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape });
  return starting("gateway", parseConfig(schema, process.env), async (settings, shared) => {
    const toCollector = createGrpcClient({
      address: settings.ENCHANTED_COLLECTOR,
      caPem: await readFile(settings.ENCHANTED_CA_FILE, "utf8"),
      token: tokenFrom(settings.ENCHANTED_TOKEN_FILE),
      clock: shared.clock,
    });
    return startGateway({
      ...shared,
      settings,
      client: kubeClient(settings, "enchanted-gateway", shared.clock),
      blobs: createCollectorBlobs(toCollector),
      // In the image the thread's program is a bundle beside this one.
      bodyProgram: new URL(import.meta.url.endsWith(".ts") ? "gateway/bodies/main.ts" : "bodies.js", import.meta.url),
    });
  });
};

const reader = async (): Promise<Started> => {
  const { readerSettings } = await import("#pipeline/reader/settings.ts");
  const { startReader } = await import("#pipeline/reader/start.ts");
  const schema = readerSettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape });
  return starting("reader", parseConfig(schema, process.env), (settings, shared) =>
    startReader({ ...shared, settings, client: kubeClient(settings, "enchanted-reader", shared.clock) }),
  );
};

const siphon = async (): Promise<Started> => {
  const { siphonSettings } = await import("#pipeline/siphon/sinks.ts");
  const { startSiphon } = await import("#pipeline/siphon/start.ts");
  const schema = siphonSettings.extend({ ...sharedSettings.shape, ...busSettings.shape, ...streamSettings.shape });
  return starting("siphon", parseConfig(schema, process.env), (settings, shared) =>
    startSiphon({ ...shared, settings, connectBus: streamsConnector("siphon", settings, shared) }),
  );
};

const summarizer = async (): Promise<Started> => {
  const { summarizerSettings } = await import("#pipeline/summarizer/settings.ts");
  const { startSummarizer } = await import("#pipeline/summarizer/start.ts");
  const schema = summarizerSettings.extend({ ...sharedSettings.shape, ...busSettings.shape });
  return starting("summarizer", parseConfig(schema, process.env), (settings, shared) =>
    startSummarizer({ ...shared, settings, connectBus: busConnector("summarizer", settings, shared) }),
  );
};

const importer = async (): Promise<Started> => {
  const { importerSettings, startImporter } = await import("#pipeline/importer/start.ts");
  const schema = importerSettings.extend(sharedSettings.shape);
  return starting("import", parseConfig(schema, process.env), (settings, shared) =>
    startImporter({ ...shared, settings }),
  );
};

const auditor = async (): Promise<Started> => {
  const { auditorSettings } = await import("#pipeline/auditor/settings.ts");
  const { startAuditor } = await import("#pipeline/auditor/start.ts");
  const schema = auditorSettings.extend({ ...sharedSettings.shape, ...busSettings.shape });
  return starting("auditor", parseConfig(schema, process.env), (settings, shared) =>
    startAuditor({ ...shared, settings, connectBus: busConnector("auditor", settings, shared) }),
  );
};

const trimmer = async (): Promise<Started> => {
  const { trimmerSettings } = await import("#pipeline/trimmer/settings.ts");
  const { startTrimmer } = await import("#pipeline/trimmer/start.ts");
  const schema = trimmerSettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape, ...busSettings.shape });
  return starting("trimmer", parseConfig(schema, process.env), (settings, shared) =>
    startTrimmer({
      ...shared,
      settings,
      client: kubeClient(settings, "enchanted-trimmer", shared.clock),
      connectBus: busConnector("trimmer", settings, shared),
    }),
  );
};

/** Every part; a process loads the code of its own alone, since what is imported stays in memory. */
const parts: Readonly<Record<string, () => Promise<Started>>> = {
  collector,
  gateway,
  reader,
  siphon,
  summarizer,
  import: importer,
  auditor,
  trimmer,
};

const run = async ({ shared, running }: Started): Promise<number> => {
  const stopped = untilStopped();
  // What is not started yet holds nothing that has to be finished.
  const first = await Promise.race([running, stopped]);
  if (typeof first === "string") return 0;
  const ended = first.done?.then(
    () => 0,
    (error: unknown) => {
      shared.log.error({ err: error }, "it did not come to its end");
      return 1;
    },
  );
  const end = await (ended === undefined ? stopped : Promise.race([ended, stopped]));
  if (typeof end === "number") return end;
  shared.log.info({ signal: end }, "stopping");
  await first.stop(STOP_GRACE_MS);
  return 0;
};

const part = parts[process.argv[2] ?? ""];
if (part === undefined) {
  process.stderr.write(`usage: main.js ${Object.keys(parts).join(" | ")}\n`);
  process.exit(64);
}
process.exit(await run(await part()));
