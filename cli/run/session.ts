import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { listenForFrames, type FrameSocketServer } from "#scribe/inputs/frame-socket.ts";
import { textOption, type Invocation, type OptionValues } from "../arguments.ts";
import type { Host } from "../host.ts";
import { openRecordedModelPort, type LocalModelPort } from "../models/model-port.ts";
import { modelEnvironment } from "../models/routes.ts";
import { observeWorkTree, type Observer } from "../observe/observer.ts";
import type { OpenRecord } from "../record/open-record.ts";
import { openRecording, type OpenRecording } from "../record/open-recording.ts";
import { hasOwnEndpoint, openOtlpPort, otlpEnvironment, type OtlpPort } from "./otlp-port.ts";
import { makePrivateDirectory, privatePlaces, type PrivateDirectory } from "./private-directory.ts";
import { loopbackDirect, traceFor } from "./program.ts";

/** What records one program: the record, and the ways into it. */
export type Session = {
  host: Host;
  recording: OpenRecording;
  record: OpenRecord;
  directory: string;
  trace: { ids: TraceIds; traceparent: string };
  socket: FrameSocketServer;
  socketPath: string;
  models: Models | undefined;
  otlp: OtlpPort | undefined;
  observer: Observer | undefined;
  /** Aborts when a signal asks for the end after the program's own. */
  hurry: AbortController;
};

/** The port, and what makes programs use it. */
type Models = LocalModelPort & { variables: Readonly<Record<string, string>> };

const openModels = async (host: Host, record: OpenRecord, trace: TraceIds): Promise<Models> => {
  const port = await openRecordedModelPort({ host, record, trace });
  const { variables, leftAlone } = modelEnvironment(port.port, host.env);
  for (const line of leftAlone) host.warn(`enchanted: ${line}`);
  return { ...port, variables };
};

const openOtlp = async (
  host: Host,
  { record, sending }: OpenRecording,
  options: OptionValues,
): Promise<OtlpPort | undefined> => {
  if (options["no-otlp"] === true || hasOwnEndpoint(host.env)) return undefined;
  return openOtlpPort({ host, record, beside: sending });
};

const openWays = async (
  host: Host,
  options: OptionValues,
  recording: OpenRecording,
  { path: directory, socketPath }: PrivateDirectory,
): Promise<Session> => {
  const { record, runs } = recording;
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
  const watched = { host, record, runs, directory, trace: trace.ids };
  const observer = options["no-observe"] === true ? undefined : await observeWorkTree(watched);
  const models = options["no-models"] === true ? undefined : await openModels(host, record, trace.ids);
  const otlp = await openOtlp(host, recording, options);
  const hurry = new AbortController();
  return { host, recording, record, directory, trace, socket, socketPath, models, otlp, observer, hurry };
};

/** Opens everything before the program runs; throws `CliError` for what the user can mend. */
export const openSession = async (host: Host, { options, program }: Invocation): Promise<Session> => {
  const agentId = textOption(options, "agent") || basename(program[0] ?? "program");
  // They are told to others before one of them is made, so that it is found whenever this run is killed.
  const directories = privatePlaces(host);
  const recording = await openRecording(host, options, { agentId, directories });
  try {
    const directory = await makePrivateDirectory(directories);
    if (directory.trouble !== undefined)
      host.warn(`enchanted: ${directory.trouble}; temporary files are in ${directory.path}; set TMPDIR to mend it`);
    return await openWays(host, options, recording, directory);
  } catch (error) {
    for (const path of directories) await rm(path, { recursive: true, force: true });
    await recording.close();
    await recording.runs.leave();
    throw error;
  }
};

/** An agent has no use for the user's token of the collector, and may be talked into anything. */
export const environmentOf = ({ host, socketPath, trace, models, otlp }: Session): NodeJS.ProcessEnv => ({
  ...host.env,
  ENCHANTED_TOKEN: undefined,
  ENCHANTED_IGNORED_SIGNALS: undefined,
  ENCHANTED_SOCKET: socketPath,
  TRACEPARENT: trace.traceparent,
  ...models?.variables,
  ...(otlp === undefined ? {} : otlpEnvironment(otlp.port, host.env)),
  ...(models === undefined && otlp === undefined ? {} : loopbackDirect(host.env)),
});
