import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { readExtraCas, trustedCas, writeCaBundle } from "#nervous-system/kernel/trusted-cas.ts";
import { maxOpenProposals } from "#nervous-system/fold/state.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { missions as missionKind } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { startComponentRecorder, type ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { readRecorderOptions } from "#nervous-system/recorder/component-settings.ts";
import type { Ids } from "#nervous-system/schemas/ids.ts";
import { publisherReader, signalFilter } from "#nervous-system/schemas/subjects.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createMetrics, createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createOpenForge } from "#supervisor/forge/open-forge.ts";
import { answerProposal, type AnswerTools } from "#supervisor/publish/answer-proposal.ts";
import { readBundle } from "#supervisor/publish/bundle.ts";
import { openParkedProposals } from "#supervisor/publish/parked-proposals.ts";
import { asStep } from "#supervisor/publish/proposal.ts";
import { runPublisher, type PublisherLoop } from "#supervisor/publish/run-publisher.ts";
import { askRequest } from "#supervisor/watch/ask-request.ts";
import { runWatch, watchPublished, type Watch } from "#supervisor/watch/run-watch.ts";
import { openWatchedRequests } from "#supervisor/watch/watched-requests.ts";
import { openWorkMarks } from "#supervisor/publish/work-marks.ts";
import type { PublisherSettings } from "#supervisor/publish/settings.ts";
import { runVerdicts } from "#supervisor/verdict/run-verdicts.ts";

/** What the publisher gets from the process that it runs in. */
type PublisherEnvironment = {
  readonly settings: PublisherSettings;
  /** The process's environment, for the programs that Git starts. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly client: KubeClient;
  readonly bus: Pick<Bus, "openReader" | "connected">;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
};

/**
 * Git needs the processor, and a proposal that waits needs next to nothing. A mission remembers no more proposals of an agent
 * (`maxOpenProposals`), and one tenant's leave room for those of others.
 */
const bounds = { concurrency: 2, mostOpen: 1_000, mostOfAgent: maxOpenProposals, mostOfNamespace: 250, mostRefused: 5 };

/** Where the publisher stands in the stream. */
const proposals = {
  name: publisherReader,
  filter: signalFilter,
  types: new Set(["PROPOSAL"]),
  // Until the oldest is finished, whatever was read behind it stays unacknowledged, proposal or not.
  maxAckPending: 512,
  ackWaitMs: 120_000,
  prefetch: 16,
};
const forgeTimeoutMs = 30_000;
/** Of proposals that wait, on the claim that the log is on. */
const maxParkedBytes = 64 * 1024 * 1024;
/** Of pull requests that may still be merged, some two KiB each on the same claim. */
const watchBounds = { most: 2_000, mostOfNamespace: 500 };

/** Every CA that forges are verified with, as list and as file for Git; none where the machine's own are enough. */
const collectCas = async (settings: PublisherSettings) => {
  const extra = await readExtraCas(settings.ENCHANTED_EXTRA_CA_FILE);
  if (extra === undefined) return { ca: undefined, caFile: undefined };
  const ca = trustedCas(extra);
  return { ca, caFile: await writeCaBundle(join(settings.ENCHANTED_SCRATCH_DIR, "forges.pem"), ca) };
};

/** What a killed run left half-done is of no use: a publication begins from the record and the remote. */
const emptyScratch = async (dir: string): Promise<void> => {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
};

type Part = (stop: AbortSignal) => Promise<void>;

/** Follows missions, and records how they end. */
const tellEnds = (environment: PublisherEnvironment, record: ComponentRecorder): Part[] => {
  const missions = createInformer({ ...environment, kind: missionKind });
  const directory = join(environment.settings.ENCHANTED_WAL_DIR, "judged");
  return [
    (stop) => missions.run(stop),
    (stop) => runVerdicts({ missions, directory, record, log: environment.log }, stop),
  ];
};

/** Runs parts beside each other until one of them ends, and waits for the others, which are told to stop; rejects as the first does. */
const untilOneEnds = async (parts: readonly Part[], signal: AbortSignal) => {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const running = parts.map((run) => run(stop));
  try {
    await Promise.race(running);
  } finally {
    over.abort(new Error("another part of this process ended"));
    await Promise.allSettled(running);
  }
};

/** Runs the publisher until the signal aborts; rejects where it cannot go on, so that a restart begins again. */
export const runPublisherProcess = async (environment: PublisherEnvironment, signal: AbortSignal): Promise<void> => {
  const { settings, bus, clock, log, client, env } = environment;
  await emptyScratch(settings.ENCHANTED_SCRATCH_DIR);
  const registry = createProcessRegistry();
  const metrics = createMetrics(registry, ["publications", "publicationRetries"]);
  const recorder = await readRecorderOptions(settings);
  const record = await startComponentRecorder({ ...environment, ...recorder, component: "supervisor" });
  const marks = await openWorkMarks(join(settings.ENCHANTED_WAL_DIR, "at-work"));
  const parked = await openParkedProposals(join(settings.ENCHANTED_WAL_DIR, "waiting"), maxParkedBytes, log);
  const { ca, caFile } = await collectCas(settings);
  const openForge = createOpenForge({ ca, timeoutMs: forgeTimeoutMs, clock });
  const blobs = createGrpcClient({ ...recorder.collector, token: recorder.token, clock });
  const tools: AnswerTools = {
    client,
    clock,
    env,
    scratchDir: settings.ENCHANTED_SCRATCH_DIR,
    caFile,
    maxRepositoryBytes: settings.ENCHANTED_MAX_REPOSITORY_BYTES,
    readBundle: (proposal) => readBundle(blobs, proposal),
    openForge: async ({ repo, credentials }) => asStep(await openForge(repo, credentials)),
  };
  const unready = (): readonly string[] => (bus.connected() ? [] : ["NATS is away"]);
  const health = await startHealthServer({ port: settings.ENCHANTED_HEALTH_PORT, registry, unready });
  const reader = await bus.openReader(proposals);
  log.info({ port: health.port }, "the publisher reads proposals");
  const requests = await openWatchedRequests(join(settings.ENCHANTED_WAL_DIR, "watched"), watchBounds, log);
  const shared = { record, clock, random: environment.random, log };
  const watch: Watch = {
    ...shared,
    requests,
    ask: (request) =>
      askRequest({ client, openForge: ({ repo, credentials }) => openForge(repo, credentials) }, request),
    onNews: (state) => metrics.publications.inc({ state }),
  };
  const loop: PublisherLoop = {
    ...shared,
    ...bounds,
    reader,
    answer: (frame, stopping) => answerProposal({ ...tools, signal: stopping }, frame),
    marks,
    parked,
    giveUpAfterMs: settings.ENCHANTED_GIVE_UP_SECONDS * 1000,
    onEnd: (end) => metrics.publications.inc({ state: end.kind === "ok" ? end.value.pullRequest.state : "refused" }),
    onRetry: () => metrics.publicationRetries.inc(),
    onPublished: (frame, end) => watchPublished({ requests, clock }, frame, end),
  };
  try {
    const answering: Part[] = [(stop) => runPublisher(loop, stop), (stop) => runWatch(watch, stop)];
    await untilOneEnds([...answering, ...tellEnds(environment, record)], signal);
  } finally {
    reader.close();
    blobs.close();
    await record.close(10_000);
    await health.close();
  }
};
