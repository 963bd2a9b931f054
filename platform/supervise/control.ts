import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { childEnvironment, repositoryRoot } from "../environment.ts";
import type { Layout } from "../cluster/layout.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import { isRunning, recordProcess, signalRecorded, type ProcessRecord } from "../process/record.ts";
import type { ServiceSpec } from "../process/service.ts";
import { waitFor } from "../process/wait.ts";
import type { ServiceStatus } from "./supervise-service.ts";

/** The lock that a supervisor holds as long as it lives: there is one on a machine. */
export const SUPERVISOR_LOCK = "supervisor";

/** The recorded supervisor, when it runs. */
export const findSupervisor = async (layout: Layout): Promise<ProcessRecord | undefined> => {
  const record = await readJson<ProcessRecord>(layout.supervisor);
  return record !== undefined && (await isRunning(record)) ? record : undefined;
};

/** What the supervisor last said of each process. */
export const readStatus = async (layout: Layout): Promise<readonly ServiceStatus[]> =>
  (await readJson<ServiceStatus[]>(layout.status)) ?? [];

/** Ends the supervisor and with it every process it started; by force when it does not go in time. */
export const stopSupervisor = async (layout: Layout): Promise<void> => {
  const record = await findSupervisor(layout);
  if (record === undefined) return;
  const gone = async (): Promise<boolean> => !(await isRunning(record));
  await signalRecorded(record, "SIGTERM");
  try {
    await waitFor("the end of the supervisor", gone, { timeoutMs: 90_000, intervalMs: 100 });
  } catch {
    await signalRecorded(record, "SIGKILL"); // the kernel ends its children with it
    await waitFor("the end of the supervisor", gone, { timeoutMs: 10_000 });
  }
  await rm(layout.supervisor, { force: true });
};

const launchSupervisor = async (layout: Layout): Promise<void> => {
  await mkdir(layout.logs, { recursive: true });
  const log = openSync(join(layout.logs, "supervisor.log"), "a");
  const child = spawn(process.execPath, [join(repositoryRoot, "platform/main.ts"), "supervise"], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log],
    env: childEnvironment({ ENCHANTED_STATE: layout.state }),
  });
  closeSync(log);
  child.unref();
  const record = child.pid === undefined ? undefined : await recordProcess(child.pid);
  if (record === undefined) throw new Error(`The supervisor did not start; see ${layout.logs}/supervisor.log`);
  await writeJson(layout.supervisor, record);
};

/** Has exactly these processes supervised; a supervisor that already keeps them is left alone. */
export const ensureSupervisor = async (layout: Layout, specs: readonly ServiceSpec[]): Promise<void> => {
  const wanted = JSON.stringify(specs);
  const running = await findSupervisor(layout);
  if (running !== undefined) {
    if (JSON.stringify(await readJson(layout.services)) === wanted) return;
    await stopSupervisor(layout);
  }
  await rm(layout.status, { force: true });
  await writeJson(layout.services, specs);
  await launchSupervisor(layout);
};

/** Waits until the supervisor calls every one of its processes ready; tells each as it becomes so. */
export const awaitServices = async (
  layout: Layout,
  names: readonly string[],
  onReady: (name: string) => void,
): Promise<void> => {
  const told = new Set<string>();
  let status: readonly ServiceStatus[] = [];
  const allReady = async (): Promise<boolean> => {
    status = await readStatus(layout);
    for (const { name, state } of status) {
      if (state === "ready" && !told.has(name)) onReady(name);
      if (state === "ready") told.add(name);
    }
    if ((await findSupervisor(layout)) === undefined) {
      throw new Error(`the supervisor does not run; see ${layout.logs}/supervisor.log`);
    }
    return names.every((name) => told.has(name));
  };
  await waitFor("readiness of every process", allReady, { timeoutMs: 300_000, intervalMs: 100 }).catch(
    (error: unknown) => {
      const late = status.find(({ name }) => !told.has(name));
      throw new Error(`${String(error)}\n${late?.name ?? "none started"}: ${late?.lastError ?? ""}`);
    },
  );
};
