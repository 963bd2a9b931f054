import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { listenForFrames, type FrameSocketServer } from "#scribe/inputs/frame-socket.ts";
import { startChild, type ChildEnd, type WrappedChild } from "#scribe/wrap/child.ts";
import { forwardFrames } from "#scribe/wrap/frame-forwarder.ts";
import { countOption, textOption, type CommandRun, type Invocation } from "./arguments.ts";
import type { Host } from "./host.ts";
import { openRecordedModelPort, type LocalModelPort } from "./models/model-port.ts";
import { modelEnvironment } from "./models/routes.ts";
import { observeWorkTree, type Observer } from "./observe/observer.ts";
import { createIntake } from "./record/intake.ts";
import type { OpenRecord } from "./record/open-record.ts";
import { openRecording, type OpenRecording } from "./record/open-recording.ts";
import { hasOwnEndpoint, openOtlpPort, otlpEnvironment, type OtlpPort } from "./run/otlp-port.ts";
import { makePrivateDirectory, type PrivateDirectory } from "./run/private-directory.ts";
import {
  describeEnd,
  endingOf,
  ignoredSignals,
  ignoring,
  loopbackDirect,
  passSignals,
  traceFor,
} from "./run/program.ts";

type Session = {
  host: Host;
  recording: OpenRecording;
  record: OpenRecord;
  directory: string;
  trace: { ids: TraceIds; traceparent: string };
  socket: FrameSocketServer;
  socketPath: string;
  models: LocalModelPort | undefined;
  otlp: OtlpPort | undefined;
  observer: Observer | undefined;
};

const SOCKET_GRACE_MS = 200;

const openSession = async (
  host: Host,
  { options, program }: Invocation,
  { path: directory, socketPath }: PrivateDirectory,
): Promise<Session> => {
  const name = basename(program[0] ?? "program");
  const recording = await openRecording(host, options, textOption(options, "agent") || name);
  const { record, sending } = recording;
  const trace = traceFor(host);
  const socket = await listenForFrames({
    path: socketPath,
    recorder: {
      recordLine: (text) => record.line(text),
      record: (frame, how) => record.hear(frame, how),
    },
    clock: host.clock,
    onRefused: () => undefined,
  });
  const observer =
    options["no-observe"] === true ? undefined : await observeWorkTree({ host, record, directory, trace: trace.ids });
  const models =
    options["no-models"] === true ? undefined : await openRecordedModelPort({ host, record, trace: trace.ids });
  if (models !== undefined)
    for (const line of modelEnvironment(models.port, host.env).leftAlone) host.warn(`enchanted: ${line}`);
  const otlp =
    options["no-otlp"] === true || hasOwnEndpoint(host.env)
      ? undefined
      : await openOtlpPort({ host, record, beside: sending });
  return { host, recording, record, directory, trace, socket, socketPath, models, otlp, observer };
};

/** An agent has no use for the user's token of the collector, and may be talked into anything. */
const environmentOf = ({ host, socketPath, trace, models, otlp }: Session): NodeJS.ProcessEnv => ({
  ...host.env,
  ENCHANTED_TOKEN: undefined,
  ENCHANTED_IGNORED_SIGNALS: undefined,
  ENCHANTED_SOCKET: socketPath,
  TRACEPARENT: trace.traceparent,
  ...(models === undefined ? {} : modelEnvironment(models.port, host.env).variables),
  ...(otlp === undefined ? {} : otlpEnvironment(otlp.port, host.env)),
  ...(models === undefined && otlp === undefined ? {} : loopbackDirect(host.env)),
});

const lifecycle = (session: Session, phase: "Started" | "Stopped", more: Record<string, unknown>): Promise<unknown> =>
  session.record.tell(
    { event_type: "LIFECYCLE", payload: { phase, attempt: session.record.recorder.epoch, ...more } },
    { producer: "scribe", trace: session.trace.ids },
  );

const startOf = ({ host, observer }: Session, command: string, args: readonly string[]): Record<string, unknown> => ({
  program: basename(command),
  arguments: args,
  directory: host.cwd,
  ...(observer === undefined ? {} : { observing: observer.place }),
  ...(observer?.commit === undefined ? {} : { commit: observer.commit }),
});

const runProgram = async (
  session: Session,
  [command = "", ...args]: readonly string[],
  lingerMs: number,
): Promise<ChildEnd> => {
  const { host, record, directory } = session;
  await lifecycle(session, "Started", startOf(session, command, args));
  // Before the program: it may signal us as soon as it runs, and no handler runs before this function awaits.
  passSignals(host, () => child);
  const [program = "", ...rest] = ignoring(ignoredSignals(host.env), [command, ...args]);
  const child: WrappedChild = startChild({
    command: program,
    args: rest,
    env: environmentOf(session),
    directory,
    kill: (pid, signal) => host.kill(pid, signal),
    sharesGroup: true,
  });
  session.recording.sending?.begin();
  session.observer?.start();
  const forwarder = forwardFrames({
    source: child.frames,
    clock: host.clock,
    openSender: (events) => createIntake(record, events),
  });
  const end = await child.ended;
  await forwarder.finish(lingerMs);
  return end;
};

const closeSession = async (session: Session, end: ChildEnd | undefined): Promise<void> => {
  const unobserved = (await session.observer?.finish()) ?? [];
  await session.models?.close();
  await session.otlp?.close();
  await session.socket.close(SOCKET_GRACE_MS);
  if (end !== undefined) await lifecycle(session, "Stopped", describeEnd(end));
  for (const line of unobserved) session.host.warn(`enchanted: ${line}`);
  for (const line of await session.recording.close()) session.host.warn(line);
};

/** `enchanted run -- program`: the program shares our terminal and process group, and we only listen. */
export const run: CommandRun = async (host, invocation) => {
  const lingerMs = countOption(invocation.options, "linger", 3_600_000);
  const directory = await makePrivateDirectory(host);
  if (directory.trouble !== undefined)
    host.warn(`enchanted: ${directory.trouble}; temporary files are in ${directory.path}; set TMPDIR to mend it`);
  try {
    const session = await openSession(host, invocation, directory);
    let end: ChildEnd | undefined;
    try {
      end = await runProgram(session, invocation.program, lingerMs);
    } finally {
      await closeSession(session, end);
    }
    return endingOf(host, end, invocation.program[0] ?? "");
  } finally {
    await rm(directory.path, { recursive: true, force: true });
  }
};
