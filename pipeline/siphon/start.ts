import type { z } from "zod";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { startHealthServer } from "#nervous-system/comms/http/health-server.ts";
import { createProcessRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { PartEnvironment } from "#pipeline/environment.ts";
import { createSiphonMetrics } from "#pipeline/siphon/measure.ts";
import { runSink } from "#pipeline/siphon/run-sink.ts";
import { publicWords } from "#pipeline/public-words.ts";
import { createSinkTroubles } from "#pipeline/siphon/sink-troubles.ts";
import type { Sink } from "#pipeline/siphon/sink.ts";
import { sinks, type siphonSettings } from "#pipeline/siphon/sinks.ts";
import { tellState, type StateTelling } from "#pipeline/tell-state.ts";

/** What the siphon gets from the process that it runs in. */
export type SiphonEnvironment = PartEnvironment & {
  readonly settings: z.output<typeof siphonSettings>;
  /** Connects to NATS and sees to the streams, however long that takes. */
  readonly connectBus: () => Promise<Bus>;
};

/** A running siphon. */
export type Siphon = {
  readonly healthPort: number;
  /** Stops reading; a batch that is being written is written again by the next run. */
  stop(): Promise<void>;
};

type Opened = { readonly kind: (typeof sinks)[number]; readonly sink: Sink };

/** Starts a loop a sink; each goes at its own pace, and a store that is away stops only its own. */
export const startSiphon = async (environment: SiphonEnvironment): Promise<Siphon> => {
  const registry = createProcessRegistry();
  const metrics = createSiphonMetrics(registry);
  const open = async (kind: (typeof sinks)[number]): Promise<Opened[]> => {
    const sink = await kind.create(environment.settings, environment);
    return sink === undefined ? [] : [{ kind, sink }];
  };
  const opened = (await Promise.all(sinks.map(open))).flat();
  const names = opened.map(({ kind }) => kind.name);
  const { clock, log } = environment;
  const words = publicWords(environment.settings);
  let telling: StateTelling | undefined;
  const troubles = createSinkTroubles({ sinks: names, clock, words, onChange: () => telling?.changed() });
  let connected: Bus | undefined;
  const health = await startHealthServer({
    port: environment.healthPort,
    registry,
    unready: () => [
      ...(connected?.connected() === true ? [] : ["NATS is not reachable, or its streams are not set up yet"]),
      ...troubles.sentences(),
    ],
  });
  const bus = await environment.connectBus();
  connected = bus;
  const stopping = new AbortController();
  const tell = (): Promise<void> => bus.partStates.put("siphon", troubles.state());
  telling = tellState({ tell, clock, log }, stopping.signal);
  const loops = opened.map(({ kind, sink }) => {
    const onTrouble = (reason: string | undefined): void => troubles.note(kind.name, reason);
    return runSink({ ...environment, kind, sink, bus, metrics, onTrouble }, stopping.signal);
  });
  log.info({ sinks: names }, "the siphon runs");
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort(new Error("the siphon stops"));
      await Promise.all([...loops, telling.ended]);
      await Promise.all(opened.map(({ sink }) => sink.close()));
      await bus.close();
      await health.close();
    },
  };
};
