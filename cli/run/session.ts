import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { LOOPBACK, type Place } from "#nervous-system/comms/socket/listen.ts";
import { makeDirectory } from "#nervous-system/kernel/make-directory.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { listenForFrames, type FrameSocketServer } from "#scribe/inputs/frame-socket.ts";
import { textOption, type Invocation, type OptionValues } from "../arguments.ts";
import type { Host } from "../host.ts";
import { openRecordedModelPort, type LocalModelPort } from "../models/model-port.ts";
import { pathSecrets } from "../models/path-secret.ts";
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
  /** What the model port's paths begin with. */
  secret: string;
  socket: FrameSocketServer;
  socketPath: string;
  models: LocalModelPort | undefined;
  otlp: OtlpPort | undefined;
  observer: Observer | undefined;
  /** Aborts when a signal asks for the end after the program's own. */
  hurry: AbortController;
};

/** What a session is opened with. */
export type SessionParts = {
  host: Host;
  options: OptionValues;
  program: readonly string[];
  recording: OpenRecording;
  directory: PrivateDirectory;
  trace: Session["trace"];
  secret: Session["secret"];
};

/** Descriptors of sockets that were listened on before. */
export type Sockets = { models?: number; otlp?: number };

/** The socket that was handed over; where there is none, a free port. */
const placeOf = (socket: number | undefined): Place =>
  socket === undefined ? { host: LOOPBACK, port: 0 } : { fd: socket };

const openOtlp = async (
  { host, options, recording: { sending } }: SessionParts,
  record: Pick<OpenRecord, "hear" | "calls" | "settle">,
  at: Place,
): Promise<OtlpPort | undefined> => {
  if (options["no-otlp"] === true || hasOwnEndpoint(host.env)) return undefined;
  return openOtlpPort({ host, record, beside: sending, at });
};

/** Begins to watch the work tree, unless told not to: for `attentionMs` after something was heard, without it always. */
export const openObserver = async (
  { host, options, recording: { record, runs }, directory: { path }, trace: { ids: trace } }: SessionParts,
  attentionMs = Infinity,
): Promise<Observer | undefined> => {
  if (options["no-observe"] === true) return undefined;
  // Of this process alone: one that keeps our ports open observes in the same private directory.
  const directory = join(path, `observed-${host.pid}`);
  await makeDirectory(directory);
  return observeWorkTree({ host, record, runs, directory, trace, attentionMs });
};

/** Opens the ways into the record; whatever comes by one of them has the observer's attention. */
export const openWays = async (
  parts: SessionParts,
  observer: Observer | undefined,
  sockets: Sockets = {},
): Promise<Session> => {
  const { host, options, program, recording, directory, trace, secret } = parts;
  const { record } = recording;
  const onHeard = (): void => observer?.attend();
  const hear: OpenRecord["hear"] = (frame, how) => {
    onHeard();
    return record.hear(frame, how);
  };
  const recordLine: OpenRecord["line"] = (text) => {
    onHeard();
    return record.line(text);
  };
  const { path, socketPath } = directory;
  const socket = await listenForFrames({
    path: socketPath,
    recorder: { recordLine, record: hear },
    clock: host.clock,
    onRefused: () => undefined,
  });
  const models =
    options["no-models"] === true
      ? undefined
      : await openRecordedModelPort({
          host,
          record,
          trace: trace.ids,
          program,
          at: placeOf(sockets.models),
          secret,
          onHeard,
        });
  const otlp = await openOtlp(parts, { ...record, hear }, placeOf(sockets.otlp));
  const hurry = new AbortController();
  return { host, recording, record, directory: path, trace, secret, socket, socketPath, models, otlp, observer, hurry };
};

/** How the agent is called. */
export const agentOf = (options: OptionValues, program: readonly string[]): string =>
  textOption(options, "agent") || basename(program[0] ?? "program");

/** Opens everything before the program runs; throws `CliError` for what the user can mend. */
export const openSession = async (host: Host, { options, program }: Invocation): Promise<Session> => {
  // They are told to others before one of them is made, so that it is found whenever this run is killed.
  const directories = privatePlaces(host);
  const secret = host.randomHex(16);
  const agentId = agentOf(options, program);
  const recording = await openRecording(host, options, { agentId, directories, secrets: pathSecrets(secret) });
  let observer: Observer | undefined;
  try {
    const directory = await makePrivateDirectory(directories);
    if (directory.trouble !== undefined)
      host.warn(`enchanted: ${directory.trouble}; temporary files are in ${directory.path}; set TMPDIR to mend it`);
    const parts = { host, options, program, recording, directory, trace: traceFor(host), secret };
    observer = await openObserver(parts);
    const session = await openWays(parts, observer);
    for (const line of session.models?.leftAlone ?? []) host.warn(`enchanted: ${line}`);
    return session;
  } catch (error) {
    await observer?.finish(AbortSignal.abort()); // it writes there
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
  ENCHANTED_INHERITED: undefined,
  ENCHANTED_SOCKET: socketPath,
  TRACEPARENT: trace.traceparent,
  ...models?.variables,
  ...(otlp === undefined ? {} : otlpEnvironment(otlp.port, host.env)),
  ...(models === undefined && otlp === undefined ? {} : loopbackDirect(host.env)),
});
