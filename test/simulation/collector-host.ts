import type { Identify } from "#pipeline/collector/identify.ts";
import { startCollectorProcess } from "./collector-process.ts";
import type { EventLoop } from "./event-loop.ts";
import type { History } from "./history.ts";
import { beginLife } from "./life.ts";
import type { Server } from "./network.ts";
import type { Random } from "./random.ts";
import { connectStream, type StreamWeather } from "./stream-connection.ts";
import type { StreamServer } from "./stream-server.ts";

/** A collector that is started again whenever it is killed. */
export type CollectorHost = Server & { start(): void; kill(restartMs: number): void };

/** What a collector's host is made of. */
export type CollectorHostOptions = {
  name: string;
  loop: EventLoop;
  random: Random;
  stream: StreamServer;
  weather: StreamWeather;
  identify: Identify;
  history: History;
};

/** Creates a collector that is not started. */
export const createCollectorHost = (options: CollectorHostOptions): CollectorHost => {
  const { name, loop, random, stream, weather, identify, history } = options;
  const host: CollectorHost = {
    name,
    life: undefined,
    handlers: [],
    start: () => {
      const life = beginLife(loop, name);
      const own = random.fork();
      const connection = connectStream({ life, name, server: stream, weather, loop, random: own });
      host.life = life;
      host.handlers = startCollectorProcess({ life, connection, identify, random: own });
    },
    kill: (restartMs) => {
      if (host.life?.isAlive() !== true) return;
      host.life.die();
      history.add(name, "info", { f: "note", value: "killed" });
      loop.after(restartMs, () => host.start());
    },
  };
  return host;
};
