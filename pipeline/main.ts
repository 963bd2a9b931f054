import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
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
import { auditorSettings } from "#pipeline/auditor/settings.ts";
import { startAuditor } from "#pipeline/auditor/start.ts";
import { collectorSettings } from "#pipeline/collector/settings.ts";
import { startCollector } from "#pipeline/collector/start.ts";
import { createCollectorBlobs } from "#pipeline/gateway/collector-blobs.ts";
import { gatewaySettings } from "#pipeline/gateway/settings.ts";
import { startGateway } from "#pipeline/gateway/start.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { readerSettings } from "#pipeline/reader/settings.ts";
import { startReader } from "#pipeline/reader/start.ts";
import { importerSettings, startImporter } from "#pipeline/importer/start.ts";
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
import { siphonSettings } from "#pipeline/siphon/sinks.ts";
import { startSiphon } from "#pipeline/siphon/start.ts";
import { summarizerSettings } from "#pipeline/summarizer/settings.ts";
import { startSummarizer } from "#pipeline/summarizer/start.ts";
import { trimmerSettings } from "#pipeline/trimmer/settings.ts";
import { startTrimmer } from "#pipeline/trimmer/start.ts";

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
    accessKeyId: settings.S3_ACCESS_KEY_ID,
    secretAccessKey: settings.S3_SECRET_ACCESS_KEY,
  });
  // Frames do not wait for the store of blobs: a blob that cannot be put yet is sent again by its owner.
  void retrying("seeing to the bucket", () => client.ensureBucket(), shared);
  return createObjectStore({ client, spoolDir: await emptySpool(join(tmpdir(), "enchanted-blobs")) });
};

const readerClient = async (settings: z.output<typeof schemas.collector>, { clock }: Process) => {
  const { ENCHANTED_READER: address } = settings;
  if (address === undefined) return undefined;
  const caPem = await readFile(settings.ENCHANTED_READER_CA_FILE, "utf8");
  return createGrpcClient({ address, caPem, token: tokenFrom(settings.ENCHANTED_TOKEN_FILE), clock });
};

const collector = async (settings: z.output<typeof schemas.collector>, shared: Process): Promise<Running> =>
  startCollector({
    ...shared,
    settings,
    client: kubeClient(settings, "enchanted-collector", shared.clock),
    connectBus: streamsConnector("collector", settings, shared),
    blobs: await blobStore(settings, shared),
    reader: await readerClient(settings, shared),
  });

const gateway = async (settings: z.output<typeof schemas.gateway>, shared: Process): Promise<Running> => {
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
};

const siphon = (settings: z.output<typeof schemas.siphon>, shared: Process): Promise<Running> =>
  startSiphon({ ...shared, settings, connectBus: streamsConnector("siphon", settings, shared) });

const summarizer = (settings: z.output<typeof schemas.summarizer>, shared: Process): Promise<Running> =>
  startSummarizer({ ...shared, settings, connectBus: busConnector("summarizer", settings, shared) });

const importer = (settings: z.output<typeof schemas.import>, shared: Process): Promise<Running> =>
  startImporter({ ...shared, settings });

const trimmer = (settings: z.output<typeof schemas.trimmer>, shared: Process): Promise<Running> =>
  startTrimmer({
    ...shared,
    settings,
    client: kubeClient(settings, "enchanted-trimmer", shared.clock),
    connectBus: busConnector("trimmer", settings, shared),
  });

const auditor = (settings: z.output<typeof schemas.auditor>, shared: Process): Promise<Running> =>
  startAuditor({ ...shared, settings, connectBus: busConnector("auditor", settings, shared) });

const reader = (settings: z.output<typeof schemas.reader>, shared: Process): Promise<Running> =>
  startReader({ ...shared, settings, client: kubeClient(settings, "enchanted-reader", shared.clock) });

const schemas = {
  collector: collectorSettings.extend({
    ...sharedSettings.shape,
    ...kubeSettings.shape,
    ...busSettings.shape,
    ...streamSettings.shape,
    ...blobSettings.shape,
  }),
  gateway: gatewaySettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape }),
  reader: readerSettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape }),
  siphon: siphonSettings.extend({ ...sharedSettings.shape, ...busSettings.shape, ...streamSettings.shape }),
  summarizer: summarizerSettings.extend({ ...sharedSettings.shape, ...busSettings.shape }),
  import: importerSettings.extend(sharedSettings.shape),
  auditor: auditorSettings.extend({ ...sharedSettings.shape, ...busSettings.shape }),
  trimmer: trimmerSettings.extend({ ...sharedSettings.shape, ...kubeSettings.shape, ...busSettings.shape }),
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

const parts: Readonly<Record<string, () => Started>> = {
  collector: () => starting("collector", parseConfig(schemas.collector, process.env), collector),
  gateway: () => starting("gateway", parseConfig(schemas.gateway, process.env), gateway),
  reader: () => starting("reader", parseConfig(schemas.reader, process.env), reader),
  siphon: () => starting("siphon", parseConfig(schemas.siphon, process.env), siphon),
  summarizer: () => starting("summarizer", parseConfig(schemas.summarizer, process.env), summarizer),
  import: () => starting("import", parseConfig(schemas.import, process.env), importer),
  auditor: () => starting("auditor", parseConfig(schemas.auditor, process.env), auditor),
  trimmer: () => starting("trimmer", parseConfig(schemas.trimmer, process.env), trimmer),
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
process.exit(await run(part()));
