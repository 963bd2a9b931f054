import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createRedactor } from "#nervous-system/recorder/redact.ts";
import { startRecording, type Recording } from "#nervous-system/recorder/recording.ts";
import type { WalCut } from "#nervous-system/recorder/wal-cut.ts";
import { createCollectorUplink } from "#nervous-system/recorder/uplink.ts";
import type { Disk } from "#nervous-system/recorder/wal/disk.ts";
import type { WriterLimits } from "#nervous-system/recorder/wal/writer.ts";
import { createLifecycle } from "#scribe/reports.ts";
import { identityOf, type Member } from "./identities.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";

/** What a simulated recorder is made of. */
export type ScribeOptions = {
  member: Member;
  life: Life;
  disk: Disk;
  client: GrpcClient;
  random: Random;
  limits: Partial<WriterLimits>;
  cut: WalCut;
  /** Names of the lives that are not over. */
  isAlive: (life: string) => boolean;
};

const redactor = createRedactor([]);
const HEARTBEAT_MS = 30_000;

/** Starts the recorder's own code in a life; rejects when the log does not open. */
export const startScribeProcess = async (options: ScribeOptions): Promise<Recording> => {
  const { member, life, random } = options;
  const recording = await startRecording({
    directory: "/log",
    identity: identityOf(member),
    ...(member.role === "agent" ? { epoch: 1 } : {}),
    uplink: createCollectorUplink(options.client),
    disk: options.disk,
    processes: { self: () => life.name, isAlive: options.isAlive },
    clock: life.clock,
    ids: random.ids,
    random: random.next,
    log: silentLog,
    limits: options.limits,
    redactor,
    cut: options.cut,
  });
  if (member.role === "component") return recording;
  const lifecycle = createLifecycle(recording.recorder, life.clock, silentLog);
  await lifecycle.tell("Started");
  lifecycle.beat(HEARTBEAT_MS);
  return recording;
};
