import type { Clock } from "#nervous-system/kernel/clock.ts";
import { isReady } from "../process/probe.ts";
import { recordProcess, type ProcessRecord } from "../process/record.ts";
import { awaitReady, launchService, type RunningService, type ServiceSpec } from "../process/service.ts";

/** What is known of one supervised process. */
export type ServiceStatus = {
  readonly name: string;
  readonly state: "starting" | "ready" | "waiting to restart" | "stopped";
  readonly process?: ProcessRecord;
  readonly restarts: number;
  readonly lastError?: string;
};

/** What supervising one process needs from around it. */
export type SuperviseContext = {
  readonly logDir: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly report: (status: ServiceStatus) => void;
};

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const PROBE_EVERY_MS = 10_000;
const FAILED_PROBES_ALLOWED = 6;

/** How long to wait before the n-th restart in a row (from 0), in milliseconds. */
export const restartPauseMs = (failures: number): number => Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);

/** Done when the process has ended, was asked to stop, or has left its probe unanswered for a minute. */
const watchHealth = async (spec: ServiceSpec, service: RunningService, context: SuperviseContext) => {
  const over = new AbortController();
  void service.exited.then(() => over.abort());
  const signal = AbortSignal.any([over.signal, context.signal]);
  let failed = 0;
  while (!signal.aborted && failed < FAILED_PROBES_ALLOWED) {
    await context.clock.sleep(PROBE_EVERY_MS, signal).catch(() => undefined);
    if (!signal.aborted) failed = (await isReady(spec.ready)) ? 0 : failed + 1;
  }
};

/** Starts a process and keeps it running, with growing pauses between failures, until told to stop. */
export const superviseService = async (spec: ServiceSpec, context: SuperviseContext): Promise<void> => {
  const { clock, signal, report } = context;
  let failures = 0;
  for (let restarts = 0; !signal.aborted; restarts += 1) {
    const service = await launchService(spec, context.logDir);
    const record = await recordProcess(service.pid);
    const status = { name: spec.name, restarts, ...(record && { process: record }) };
    report({ ...status, state: "starting" });
    let lastError = `${spec.name} ended; see ${service.logFile}`;
    try {
      await awaitReady(spec, service, signal);
      failures = 0;
      report({ ...status, state: "ready" });
      await watchHealth(spec, service, context);
    } catch (error) {
      lastError = String(error);
    }
    await service.stop();
    if (signal.aborted) break;
    report({ name: spec.name, restarts, state: "waiting to restart", lastError });
    await clock.sleep(restartPauseMs(failures), signal).catch(() => undefined);
    failures += 1;
  }
  report({ name: spec.name, state: "stopped", restarts: 0 });
};
