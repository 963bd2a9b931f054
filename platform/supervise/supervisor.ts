import { systemClock } from "#nervous-system/kernel/clock.ts";
import type { Layout } from "../cluster/layout.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import type { ServiceSpec } from "../process/service.ts";
import { superviseService, type ServiceStatus } from "./supervise-service.ts";

/** Writes the status file; one write at a time, the newest content last. */
const createStatusWriter = (path: string, order: readonly string[]) => {
  const known = new Map<string, ServiceStatus>();
  let writing = Promise.resolve();
  const report = (status: ServiceStatus): void => {
    known.set(status.name, status);
    const all = order.map((name) => known.get(name)).filter((one) => one !== undefined);
    writing = writing.then(() => writeJson(path, all)).catch((error) => console.error(String(error)));
  };
  return { report, written: () => writing };
};

/** One supervised process: its end of supervision, and how to bring that about. */
type Supervised = { readonly stop: () => Promise<void> };

const startOne = (
  spec: ServiceSpec,
  layout: Layout,
  report: (status: ServiceStatus) => void,
): { supervised: Supervised; ready: Promise<void> } => {
  const stopping = new AbortController();
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const over = superviseService(spec, {
    logDir: layout.logs,
    clock: systemClock(),
    signal: stopping.signal,
    report: (status) => {
      report(status);
      if (status.state === "ready" || status.state === "stopped") resolve();
    },
  });
  const stop = async (): Promise<void> => {
    stopping.abort(new Error("asked to stop"));
    await over;
  };
  return { supervised: { stop }, ready };
};

/**
 * Starts the recorded services one after the other, each when the one before it is ready, keeps them
 * running, and stops them in the opposite order when `signal` aborts.
 */
export const runSupervisor = async (layout: Layout, signal: AbortSignal): Promise<void> => {
  const specs = (await readJson<ServiceSpec[]>(layout.services)) ?? [];
  const { report, written } = createStatusWriter(
    layout.status,
    specs.map(({ name }) => name),
  );
  const started: Supervised[] = [];
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  for (const spec of specs) {
    if (signal.aborted) break;
    const { supervised, ready } = startOne(spec, layout, report);
    started.push(supervised);
    await Promise.race([ready, aborted]);
  }
  await aborted;
  for (const supervised of started.toReversed()) await supervised.stop();
  await written();
};
