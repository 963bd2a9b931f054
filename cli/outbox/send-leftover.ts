import { stat } from "node:fs/promises";
import { toGrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { startRecording, type Recording } from "#nervous-system/recorder/recording.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { WalError } from "#nervous-system/recorder/wal/disk.ts";
import type { Host } from "../host.ts";
import { connectCollector, explainFailure, isForGood, isRefusal, type Connection } from "../server/connect.ts";
import type { ServerSettings } from "../server/settings.ts";
import { identityOf, removeLeftover, type Leftover } from "./outbox.ts";
import { randomOf } from "./outgoing-log.ts";

/** What became of one run's frames. */
export type Sent = {
  agent_uid: string;
  agent: string;
  namespace: string;
  collector: string;
  directory: string;
  /** `stored`: all of them are; `left`: some are not, see `reason`; `busy`: another process has the log. */
  state: "stored" | "left" | "busy";
  frames?: number;
  stored?: number;
  reason?: string;
  /** Whether the next try will end so, too. */
  forGood?: boolean;
};

/** How a leftover is sent. */
type SendOptions = {
  /** How long nothing may move. */
  patienceMs: number;
  signal: AbortSignal;
  onProgress?: (marks: { written: number; stored: number }) => void;
};

const STEP_MS = 200;

const open = ({ host, directory, run }: { host: Host } & Leftover, connection: Connection): Promise<Recording> =>
  startRecording({
    directory,
    identity: identityOf(run),
    epoch: 1,
    uplink: connection.uplink,
    disk: createNodeDisk(),
    processes: createNodeProcesses(),
    clock: host.clock,
    ids: host.ids,
    random: randomOf(host),
    log: silentLog,
  });

/** Waits until everything is stored; false when nothing moved for too long, or never will. */
const drain = async (
  host: Host,
  recording: Recording,
  { failure }: Connection,
  { patienceMs, signal, onProgress }: SendOptions,
): Promise<boolean> => {
  let [best, since] = [-1, host.clock.monotonicMs()];
  while (!(await recording.drain(STEP_MS))) {
    const marks = recording.marks();
    onProgress?.(marks);
    const now = host.clock.monotonicMs();
    if (marks.stored > best) [best, since] = [marks.stored, now];
    const failed = failure();
    if (signal.aborted || now - since >= patienceMs || (failed !== undefined && isRefusal(failed))) return false;
  }
  return true;
};

const exists = async (directory: string): Promise<boolean> =>
  (await stat(directory).catch(() => undefined)) !== undefined;

/** Sends what a run left and removes it once everything is stored; undefined when another process was faster. */
export const sendLeftover = async (
  host: Host,
  server: ServerSettings,
  leftover: Leftover,
  options: SendOptions,
): Promise<Sent | undefined> => {
  const { directory, run } = leftover;
  const { agent_uid, agent_id: agent, namespace, collector } = run;
  const about = { agent_uid, agent, namespace, collector, directory };
  const connection = connectCollector(host, server, namespace);
  try {
    const recording = await open({ host, ...leftover }, connection);
    const isWhole = await drain(host, recording, connection, options);
    const { written: frames, stored } = recording.marks();
    const failed = connection.failure();
    await recording.close();
    if (isWhole) await removeLeftover(leftover);
    if (isWhole) return { ...about, state: "stored", frames, stored };
    const why = failed ?? toGrpcFailure(new Error("it does not answer"));
    const reason = explainFailure(why, { ...server, namespace });
    return { ...about, state: "left", frames, stored, reason, forGood: isForGood(why) };
  } catch (error) {
    if (error instanceof WalError && error.code === "WAL_LOCKED") return { ...about, state: "busy" };
    if (!(await exists(directory))) return undefined;
    return { ...about, state: "left", reason: `${directory}: ${(error as Error).message}` };
  } finally {
    connection.client.close();
  }
};
