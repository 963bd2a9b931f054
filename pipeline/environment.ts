import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";

/** What each part of the pipeline gets from the process that it runs in. */
export type PartEnvironment = {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  /** Port of /metrics, /healthz and /readyz. */
  readonly healthPort: number;
};
