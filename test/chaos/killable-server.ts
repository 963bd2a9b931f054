import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Restartable } from "#platform/process/restartable.ts";

/** A server that is killed and comes back. */
export type KillableServer = {
  isUp(): boolean;
  /** kill -9, after which it comes back at once or after a while; false where it is down already. */
  strike(awayMs?: number): boolean;
  /** Resolves when it is up. */
  back(): Promise<void>;
};

const RETRY_MS = 500;

/** Makes a server one. */
export const killable = (server: Restartable, clock: Pick<Clock, "sleep">): KillableServer => {
  let up = true;
  let returning: Promise<void> = Promise.resolve();
  /** Its port may be some connection's for a moment. */
  const comeBack = async (): Promise<void> => {
    try {
      await server.restart();
      up = true;
    } catch {
      await clock.sleep(RETRY_MS);
      await comeBack();
    }
  };
  return {
    isUp: () => up,
    strike: (awayMs = 0) => {
      if (!up) return false;
      up = false;
      server.kill("SIGKILL");
      returning = clock.sleep(awayMs).then(comeBack);
      return true;
    },
    back: () => returning,
  };
};
