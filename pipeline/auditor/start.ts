import type { z } from "zod";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { readOnlyCa } from "#nervous-system/kernel/trusted-cas.ts";
import { createReadClient } from "#nervous-system/stores/clickhouse/read-client.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import { createAuditLog } from "#pipeline/auditor/audit-state.ts";
import { createEdgeWalk } from "#pipeline/auditor/edge-walk.ts";
import { createFindingsBoard } from "#pipeline/auditor/findings-board.ts";
import { createGraphParts } from "#pipeline/auditor/graph-parts.ts";
import { createGraphWalk } from "#pipeline/auditor/graph-walk.ts";
import { createLedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import { createAuditorMetrics } from "#pipeline/auditor/measure.ts";
import { createNodeWalk } from "#pipeline/auditor/node-walk.ts";
import { createRecordWalk } from "#pipeline/auditor/record-walk.ts";
import { runAuditor } from "#pipeline/auditor/run-auditor.ts";
import type { auditorSettings } from "#pipeline/auditor/settings.ts";
import { createWalker } from "#pipeline/auditor/walker.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { publicWords } from "#pipeline/public-words.ts";
import { readManifestKeys } from "#pipeline/siphon/archive/key-settings.ts";
import { openBucket } from "#pipeline/siphon/archive/sink.ts";
import { openGraph } from "#pipeline/siphon/graph/open-graph.ts";
import { settlingReaders } from "#pipeline/siphon/sinks.ts";
import { tellState } from "#pipeline/tell-state.ts";

/** What the auditor gets from the process that it runs in. */
export type AuditorEnvironment = PartEnvironment & {
  readonly settings: z.output<typeof auditorSettings>;
  /** Connects to NATS, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
};

/** A running auditor. */
export type Auditor = {
  readonly healthPort: number;
  /** Ends, wherever it is. */
  stop(): Promise<void>;
};

/** Longest that one question to the ledger may take, milliseconds, and what it may take of its memory. */
const limits = { timeMs: 30_000, memoryBytes: 512 * 1024 * 1024 };

/** What one walk may read in a minute: of small files some hundred, of large ones a few. */
const budget = { strides: 200, bytes: 64 * 1024 * 1024 };

const openStores = async (settings: AuditorEnvironment["settings"]) => {
  const { CLICKHOUSE_URL: url, CLICKHOUSE_USER: username, CLICKHOUSE_PASSWORD: password } = settings;
  const client = createReadClient({
    url,
    username,
    password,
    caPem: await readOnlyCa(settings.CLICKHOUSE_CA_FILE),
    limits,
  });
  const [archive, neo4j] = [await openBucket(settings), openGraph(settings)];
  const graph = neo4j && createGraphParts(neo4j);
  const close = async (): Promise<void> => {
    await Promise.all([client.close(), graph?.close()]);
    archive.close();
  };
  return { archive, ledger: createLedgerRows(client), graph, keys: await readManifestKeys(settings), close };
};

/** Starts auditing the record. */
export const startAuditor = async (environment: AuditorEnvironment): Promise<Auditor> => {
  const { settings, clock, log, healthPort } = environment;
  const registry = createProcessRegistry();
  const metrics = createAuditorMetrics(registry);
  const stores = await openStores(settings);
  const { archive, ledger, graph, keys } = stores;
  const board = createFindingsBoard(
    metrics,
    ["ledger", "archive", ...(graph === undefined ? [] : ["graph" as const])],
    log,
  );
  const ofGraph =
    graph === undefined
      ? []
      : [
          createWalker(createGraphWalk({ archive, graph }), board),
          createWalker(createNodeWalk(graph, ledger), board),
          createWalker(createEdgeWalk(graph), board),
        ];
  const walkers = [createWalker(createRecordWalk({ archive, ledger, keys }), board), ...ofGraph];
  const sinks = [...settlingReaders, ...(graph === undefined ? [] : ["graph"])];
  const words = publicWords(settings);
  const audited = createAuditLog({ walks: walkers.map(({ name }) => name), board, clock, words });
  let connected: Bus | undefined;
  const health = await startHealthServer({
    port: healthPort,
    registry,
    unready: () => [...(connected?.connected() === true ? [] : ["NATS is not reachable"]), ...audited.sentences()],
  });
  const onTrouble = (what: string, reason: string | undefined): void => {
    if (reason !== undefined && !audited.sentences().includes(reason)) log.warn({}, reason);
    audited.noteTrouble(what, reason);
  };
  const bus = await environment.connectBus();
  connected = bus;
  const stopping = new AbortController();
  const tell = (): Promise<void> => bus.partStates.put("auditor", audited.state());
  const telling = tellState({ tell, clock, log }, stopping.signal);
  const told = { onTrouble, onWalk: audited.noteRound, onRound: telling.changed };
  const running = runAuditor({ bus, walkers, board, sinks, budget, clock, metrics, log, ...told }, stopping.signal);
  log.info({ walks: walkers.map(({ name }) => name) }, "the auditor runs");
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort(new Error("the auditor stops"));
      await Promise.all([running, telling.ended]);
      await stores.close();
      await bus.close();
      await health.close();
    },
  };
};
