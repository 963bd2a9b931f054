import type { Stats } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { createCallLinks, type CallLinks } from "#nervous-system/codecs/otlp/call-links.ts";
import { createFileLog, type FileLog } from "#nervous-system/recorder/context-file/file-log.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { createRecorder, type Recorder, type RecordResult } from "#nervous-system/recorder/recorder.ts";
import type { Redactor } from "#nervous-system/recorder/redact.ts";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";
import { fileTrouble } from "../file-trouble.ts";
import { CliError, type Host } from "../host.ts";
import { hideRecord } from "./hide-record.ts";
import { createToldFiles, type ToldFiles } from "./told-files.ts";
import { createSoon } from "./soon.ts";
import { bothLogs, type OutgoingLog } from "../outbox/outgoing-log.ts";

/** A file of context that is being appended to, and the chain of its own that this process writes. */
export type OpenRecord = {
  path: string;
  /** Resolves when it is kept out of the work tree that it lies in, or cannot be. */
  hidden: Promise<void>;
  recorder: Recorder;
  /** Frames that were not written, because the file could not be written any more. */
  lost(): number;
  /** Whether the file took everything. */
  isWhole(): boolean;
  /** How many frames of a type it took. */
  written(eventType: string): number;
  /** Records what we say ourselves; what the file refuses is counted by `lost`, never thrown. */
  tell(frame: ProducedFrame, how: Telling): Promise<RecordResult>;
  /** The same for a frame that a program told. */
  hear(frame: unknown, how: Telling): Promise<RecordResult>;
  /** The same for a line of JSON that a program wrote. */
  line(text: string): Promise<RecordResult>;
  /** Tells by `work` what may wait for a moment; it is told before whatever comes after it. `work` tells by what it is given. */
  soon(work: (tell: OpenRecord["tell"]) => Promise<void>): void;
  /** Resolves when nothing waits to be told. */
  settle(): Promise<void>;
  /** The files of which programs have told a change themselves. */
  toldFiles: Pick<ToldFiles, "has">;
  /** The calls of models that our port carries, which the program's own telemetry may tell too. */
  calls: CallLinks;
  /** Waits for the last write; answers why the record ends early, if it does. */
  close(): Promise<string | undefined>;
};

/** Who says a frame, and what it belongs to. */
type Telling = { producer: Producer; trace?: TraceIds };

/** How long it may take before a call of a model that is over is told: its program asks the next one meanwhile. */
const SOON_MS = 20;

const failedWrite: RecordResult = { ok: false, code: "Malformed", reason: "the file cannot be written" };

/** Whether a file is empty or begins with JSON, as every record does: to anything else nothing is appended. */
const mayHoldRecords = async (file: FileHandle): Promise<boolean> => {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(256), 0, 256, 0);
  const begun = buffer.toString("utf8", 0, bytesRead).trimStart();
  return begun === "" || begun.startsWith("{");
};

/** Opens a file that a record is in, or that is empty, for more; throws `CliError` where it is something else. */
export const openForAppending = async (path: string): Promise<FileHandle> => {
  const file = await open(path, "a+", 0o600).catch((error: unknown) => {
    throw new CliError(`enchanted: ${path} cannot be opened: ${fileTrouble(error)}; name another file with --file`, 2);
  });
  const isFile = (await file.stat()).isFile();
  if (isFile && (await mayHoldRecords(file))) return file;
  await file.close();
  const why = isFile ? "holds something else than a record" : "is not a file";
  throw new CliError(`enchanted: ${path} ${why}; name another one with --file`, 2);
};

/** What is to be told where a path no longer leads to the file that was opened by it. */
const whyGone = async (path: string, begun: Stats): Promise<string | undefined> => {
  const found = await stat(path).catch(() => undefined);
  if (found?.ino === begun.ino && found.dev === begun.dev) return undefined;
  return `enchanted: the record is gone: ${path} was removed or replaced while it was written; name a file outside the work tree with --file`;
};

/** What a record is made of. */
type RecordSettings = {
  path: string;
  identity: RecorderIdentity;
  redactor: Redactor | undefined;
  /** Opens what the frames go to beside the file. */
  openOutgoing(): Promise<Pick<OutgoingLog, "append"> | undefined>;
};

/** Opens the file and begins a chain under a fresh agent UID; throws `CliError` when the file cannot be written. */
export const openRecord = async (host: Host, settings: RecordSettings): Promise<OpenRecord> => {
  const { path } = settings;
  const file = await openForAppending(path);
  const begun = await file.stat();
  const hidden = hideRecord(host, path).catch(() => undefined); // a convenience: the record is written all the same
  const log: FileLog = await createFileLog(file);
  const outgoing = await settings.openOutgoing();
  const recorder = await createRecorder({
    identity: settings.identity,
    wal: outgoing === undefined ? log : bothLogs(log, outgoing),
    clock: host.clock,
    ids: host.ids,
    redactor: settings.redactor,
    epoch: 1,
  });
  let lost = 0;
  const toldFiles = createToldFiles();
  const counted = (result: Promise<RecordResult>): Promise<RecordResult> =>
    result.catch(() => {
      lost += 1;
      return failedWrite;
    });
  const soon = createSoon(host.clock, SOON_MS);
  const next = (take: () => Promise<RecordResult>): Promise<RecordResult> => soon.behind(() => counted(take()));
  const write = (frame: unknown, how: Telling): Promise<RecordResult> => recorder.record(frame, how);
  const record = (frame: unknown, how: Telling): Promise<RecordResult> => next(() => write(frame, how));
  return {
    path,
    hidden,
    recorder,
    lost: () => lost,
    isWhole: () => log.failure() === undefined,
    written: (eventType) => log.written(eventType),
    tell: record,
    hear: (frame, how) => {
      toldFiles.hear(frame);
      return record(frame, how);
    },
    line: (text) => {
      toldFiles.hearLine(text);
      return next(() => recorder.recordLine(text, { producer: "agent" }));
    },
    soon: (work) => {
      const told = (): Promise<void> => work((frame, how) => counted(write(frame, how)));
      soon.add(() => told().catch(() => void (lost += 1)));
    },
    settle: async () => soon.settle(),
    toldFiles,
    calls: createCallLinks(),
    close: async () => {
      await Promise.all([hidden, soon.settle()]);
      await log.close();
      const failure = log.failure();
      if (failure === undefined) return whyGone(path, begun);
      return `enchanted: the record ends early: ${path}: ${fileTrouble(failure)}; ${lost} frame(s) were not written`;
    },
  };
};
