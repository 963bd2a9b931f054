import type { z } from "zod";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { unfollowed } from "#nervous-system/kubernetes/informer-health.ts";
import { createInformer } from "#nervous-system/kubernetes/informer.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { missions as missionKind } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { createTrimmerMetrics } from "#pipeline/trimmer/measure.ts";
import { runTrimmer } from "#pipeline/trimmer/run-trimmer.ts";
import type { trimmerSettings } from "#pipeline/trimmer/settings.ts";

/** What the trimmer gets from the process that it runs in. */
export type TrimmerEnvironment = PartEnvironment & {
  readonly settings: z.output<typeof trimmerSettings>;
  readonly client: KubeClient;
  /** Connects to NATS, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
};

/** A running trimmer. */
export type Trimmer = {
  readonly healthPort: number;
  /** Ends behind what it is trimming now. */
  stop(): Promise<void>;
};

/** Starts trimming the stream. */
export const startTrimmer = async (environment: TrimmerEnvironment): Promise<Trimmer> => {
  const { settings, client, clock, random, log, healthPort } = environment;
  const registry = createProcessRegistry();
  const stopping = new AbortController();
  const missions = createInformer({ client, kind: missionKind, clock, random, log });
  const watching = missions.run(stopping.signal);
  let connected: Bus | undefined;
  let trouble: string | undefined;
  const health = await startHealthServer({
    port: healthPort,
    registry,
    unready: () => [
      ...(connected?.connected() === true ? [] : ["NATS is not reachable"]),
      ...unfollowed([missions]),
      ...(trouble === undefined ? [] : [trouble]),
    ],
  });
  const bus = await environment.connectBus();
  connected = bus;
  const onTrouble = (reason: string | undefined): void => {
    if (reason !== undefined && reason !== trouble) log.warn({}, reason);
    trouble = reason;
  };
  const metrics = createTrimmerMetrics(registry);
  const windowMs = settings.ENCHANTED_REPLAY_WINDOW;
  const trimming = runTrimmer({ bus, missions, windowMs, clock, metrics, log, onTrouble }, stopping.signal);
  log.info({ windowMs }, "the trimmer runs");
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort(new Error("the trimmer stops"));
      await Promise.allSettled([trimming, watching]);
      await bus.close();
      await health.close();
    },
  };
};
