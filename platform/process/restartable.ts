import { startService, type RunningService, type ServiceSpec } from "./service.ts";

/** A server that a test can kill, freeze and start again at the same address with the same data. */
export type Restartable = AsyncDisposable & {
  readonly pid: number;
  readonly logFile: string;
  /** Sends a signal to the process (SIGKILL when none is named) without waiting for its end. */
  kill(signal?: NodeJS.Signals): void;
  stop(): Promise<void>;
  /** Ends the process when it still runs, starts it again and answers when it is ready. */
  restart(): Promise<void>;
};

/** Starts a server whose process may change over time while its address and data stay. */
export const startRestartable = async (spec: ServiceSpec, logDir: string): Promise<Restartable> => {
  let current: RunningService = await startService(spec, logDir);
  return {
    get pid() {
      return current.pid;
    },
    get logFile() {
      return current.logFile;
    },
    kill: (signal) => current.kill(signal),
    stop: () => current.stop(),
    restart: async () => {
      await current.stop();
      current = await startService(spec, logDir);
    },
    [Symbol.asyncDispose]: () => current.stop(),
  };
};
