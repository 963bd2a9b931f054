import { join } from "node:path";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { noMission, stableId, type Ids, type TraceIds } from "#nervous-system/schemas/ids.ts";
import type { ExportState } from "./exporter.ts";
import type { FrameSubject, RecorderIdentity } from "./compose.ts";
import { startRecording } from "./recording.ts";
import type { WalCut } from "./wal-cut.ts";
import { createCollectorUplink } from "./uplink.ts";
import { createNodeDisk } from "./wal/node-disk.ts";
import { createNodeProcesses } from "./wal/node-processes.ts";

/** What the recorder of a component (gateway, supervisor) is made of. */
export type ComponentRecorderOptions = {
  component: RecorderIdentity["recorder"] & Producer;
  /** Name of the component's pod: with the namespace it makes the chain's identity. */
  podName: string;
  /** Where the chart is installed. */
  releaseNamespace: string;
  /** The component's claim; the log is a directory in it. */
  directory: string;
  /** `host:port` of the collector, and the CA of its certificate. */
  collector: { address: string; caPem: string; serverName?: string };
  /** The component's projected token of audience `enchanted-collector`. */
  token: () => Promise<string>;
  clock: Clock;
  ids: Ids;
  random: () => number;
  log: Log;
  cut: WalCut;
};

/** One frame of a component. */
export type ComponentEvent = {
  eventType: string;
  /** Where the same fact must have the same id however often it is told; a fresh one without it. */
  eventId?: string | undefined;
  payload: Readonly<Record<string, unknown>>;
  /** The mission and the agent that it is about. */
  subject: FrameSubject;
  parentEventId?: string | undefined;
  trace?: TraceIds | undefined;
};

/** The recorder will never take this frame. */
export class FrameRefused extends Error {
  override readonly name = "FrameRefused";

  constructor(eventType: string, reason: string) {
    super(`the frame ${eventType} was refused: ${reason}`);
  }
}

/** The record of a component: frames go to its own log first, then to the collector. */
export type ComponentRecorder = {
  /** Resolves with the frame's event id when it is *written*; rejects with `FrameRefused`, and where the log is closed. */
  write(frame: ComponentEvent): Promise<string>;
  /** Whether a frame written now would not wait for room on the disk. */
  healthy(): boolean;
  state(): ExportState;
  /** Resolves true when everything written, by earlier starts too, is stored; false when `limitMs` are over first. */
  drain(limitMs: number): Promise<boolean>;
  /** Ends the export after at most `drainMs` and closes the log. */
  close(drainMs: number): Promise<void>;
};

const identityOf = (options: ComponentRecorderOptions): RecorderIdentity => ({
  agent_uid: stableId(options.component, options.podName, options.releaseNamespace),
  agentId: `${options.component}/${options.podName}`,
  // What a component writes about no mission in particular, such as its own gaps.
  mission_uid: noMission,
  mission: "-",
  namespace: options.releaseNamespace,
  lineage: 0,
  recorder: options.component,
});

/** Opens the log of a component, counts a new epoch and starts the export. */
export const startComponentRecorder = async (options: ComponentRecorderOptions): Promise<ComponentRecorder> => {
  const { clock } = options;
  const client = createGrpcClient({ ...options.collector, token: options.token, clock });
  const recording = await startRecording({
    ...options,
    // Below the claim's root, where a file system may keep a lost+found of its own.
    directory: join(options.directory, "chain"),
    identity: identityOf(options),
    uplink: createCollectorUplink(client),
    disk: createNodeDisk(),
    processes: createNodeProcesses(),
  });
  return {
    write: async ({ eventType, eventId, payload, subject, parentEventId, trace }) => {
      const ids = {
        ...(eventId === undefined ? {} : { event_id: eventId }),
        ...(parentEventId === undefined ? {} : { parent_event_id: parentEventId }),
      };
      const result = await recording.recorder.record(
        { event_type: eventType, payload, ...ids },
        { producer: options.component, subject, ...(trace === undefined ? {} : { trace }) },
      );
      if (!result.ok) throw new FrameRefused(eventType, result.reason);
      return result.eventId;
    },
    healthy: () => recording.health().wal.stall === undefined,
    state: () => recording.health().exporting,
    drain: (limitMs) => recording.drain(limitMs),
    close: async (drainMs) => {
      await recording.drain(drainMs);
      await recording.close();
      client.close();
    },
  };
};
