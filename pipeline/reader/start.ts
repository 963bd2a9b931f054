import { readFile } from "node:fs/promises";
import { startGrpcServer, type AskingCall, type GrpcServer } from "#nervous-system/comms/grpc/server.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { openDoorway } from "#nervous-system/comms/socket/doorway.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { createRecordRight } from "#pipeline/identity/record-right.ts";
import { createTokenReviews } from "#pipeline/identity/token-reviews.ts";
import type { ReadStore } from "#pipeline/reader/answer.ts";
import { createAskService } from "#pipeline/reader/ask-service.ts";
import { createAuthorise, type Authorise } from "#pipeline/reader/authorise.ts";
import { createReaderMetrics, type ReaderMetrics } from "#pipeline/reader/measure.ts";
import type { ReaderSettings } from "#pipeline/reader/settings.ts";
import { stores as kinds } from "#pipeline/reader/stores.ts";

/** What the reader gets from the process that it runs in. */
export type ReaderEnvironment = PartEnvironment & { readonly settings: ReaderSettings; readonly client: KubeClient };

/** A running reader. */
export type Reader = {
  /** Port of gRPC. */
  readonly port: number;
  readonly healthPort: number;
  /** Accepts nothing new and finishes what was asked, within `graceMs`. */
  stop(graceMs: number): Promise<void>;
};

/** A question is small, and a user asks few at once. */
const limits = { messageBytes: 64 * 1024, streams: 16 };

const CHECK_MS = 5_000;

/** Keeps what troubles each store, asked every 5 s; the sentences of those that have answered last. */
const watchStores = (stores: readonly ReadStore[], clock: Clock, signal: AbortSignal) => {
  const troubles = new Map<string, string>(stores.map(({ name }) => [name, "not asked yet"]));
  const check = async (store: ReadStore): Promise<void> => {
    const trouble = await store.trouble();
    if (trouble === undefined) troubles.delete(store.name);
    else troubles.set(store.name, trouble);
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await Promise.all(stores.map(check));
      await clock.sleep(CHECK_MS, signal).catch(() => undefined);
    }
  };
  return { ended: run(), troubles: () => [...troubles].map(([name, trouble]) => `${name}: ${trouble}`) };
};

const serve = async (
  { settings, clock, log }: ReaderEnvironment,
  stores: readonly ReadStore[],
  authorise: Authorise,
  metrics: ReaderMetrics,
): Promise<GrpcServer> =>
  startGrpcServer({
    address: settings.ENCHANTED_LISTEN,
    tls: {
      cert: await readFile(settings.ENCHANTED_TLS_CERT_FILE, "utf8"),
      key: await readFile(settings.ENCHANTED_TLS_KEY_FILE, "utf8"),
    },
    handlers: [createAskService({ authorise, stores, metrics, clock })],
    limits,
    doorway: openDoorway({ clock, onCut: (reason) => metrics.connectionsCut.inc({ reason }) }),
    admit: async ({ token, source }: AskingCall) => {
      await authorise.authenticate(token, source);
      return undefined;
    },
    onError: (method, error) => log.error({ err: error, method }, "a call failed unexpectedly"),
    clock,
  });

/** Starts the reader; resolves when it listens. */
export const startReader = async (environment: ReaderEnvironment): Promise<Reader> => {
  const { settings, client, clock, log } = environment;
  const registry = createProcessRegistry();
  const metrics = createReaderMetrics(registry);
  const opened = await Promise.all(kinds.map((kind) => kind.open(settings)));
  const stores = opened.filter((store) => store !== undefined);
  const stopping = new AbortController();
  const watching = watchStores(stores, clock, stopping.signal);
  const health = await startHealthServer({ port: environment.healthPort, registry, unready: watching.troubles });
  const reviews = createTokenReviews({ client, clock, anyUser: true });
  const authorise = createAuthorise(
    reviews,
    createRecordRight({ client, clock }),
    settings.ENCHANTED_RELEASE_NAMESPACE,
  );
  const grpc = await serve(environment, stores, authorise, metrics);
  log.info({ port: grpc.port, stores: stores.map(({ name }) => name) }, "the reader listens");
  return {
    port: grpc.port,
    healthPort: health.port,
    stop: async (graceMs) => {
      await grpc.close(graceMs);
      stopping.abort();
      await watching.ended;
      await Promise.all(stores.map((store) => store.close()));
      await health.close();
    },
  };
};
