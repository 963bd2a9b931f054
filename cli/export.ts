import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { ownCalls } from "#nervous-system/schemas/questions/model-usage.ts";
import { textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { endByFailure } from "./ask/reader-failure.ts";
import { refuseUnknownTypes, warnOfAbsent, warnOfLeftOut } from "./ask/what-is-there.ts";
import { openBlobs } from "./export/blobs.ts";
import { createChatWriter } from "./export/chat/chat-writer.ts";
import { readOutcomes } from "./export/chat/outcomes.ts";
import { stepTypes } from "./export/chat/steps.ts";
import { createLineWriter, createParquetWriter, type FrameWriter } from "./export/frame-writers.ts";
import { findLostChains } from "./export/lost-chains.ts";
import { openOutput, type Output } from "./export/output.ts";
import { readFrames, type FrameFilter } from "./export/read-frames.ts";
import { createProgress, CliError, exitCode, exited, type Ending, type Host } from "./host.ts";
import { createChainCheck, type FileReport } from "./record/check-chains.ts";
import { collectorService, readerService, readServer, type ServerSettings } from "./server/settings.ts";

const usage = (message: string): CliError => new CliError(`enchanted export: ${message}`);

/** What is exported, where it is read, and how it is written. */
type Export = {
  readonly format: string;
  readonly filter: FrameFilter;
  readonly reader: ServerSettings;
  /** Where blobs are read; undefined without one. */
  readonly collector: ServerSettings | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
};

const parameters = ["mission", "agent", "types", "from", "to"] as const;

const filterOf = (options: OptionValues, format: string): FrameFilter => {
  const given = Object.fromEntries(
    parameters.map((name) => [name, textOption(options, name)]).filter(([, value]) => value !== ""),
  ) as Record<string, string>;
  if (format !== "chat-jsonl") return given;
  if (given["types"] !== undefined) throw usage("chat-jsonl has types of its own; leave --types out");
  return { ...given, types: stepTypes.join(",") };
};

type Opened = { readonly writer: FrameWriter; close(): void };

const openWriter = async (host: Host, given: Export): Promise<Opened> => {
  const { format, filter, reader, collector, output, signal } = given;
  const close = (): void => undefined;
  if (format === "jsonl") return { writer: createLineWriter(output), close };
  if (format === "parquet")
    return { writer: createParquetWriter(output, { namespace: reader.namespace, ...filter }), close };
  const outcomes = await readOutcomes(host, reader, filter["mission"] ?? "", signal);
  const blobs = collector === undefined ? undefined : openBlobs(host, collector, signal);
  return { writer: createChatWriter(output, outcomes, blobs), close: () => blobs?.close() };
};

/** Writes every frame; answers what their chains are, and whether somebody read to the end. */
const writeAll = async (host: Host, given: Export): Promise<{ report: FileReport; isWhole: boolean }> => {
  const { filter, reader, output, signal } = given;
  const { writer, close } = await openWriter(host, given);
  const check = createChainCheck(true);
  const progress = createProgress(host);
  let line = 0;
  try {
    for await (const frame of readFrames(host, reader, filter, signal)) {
      check.take({ kind: "frame", line: (line += 1), frame });
      await writer.frame(frame);
      if (line % 100 === 0) progress.show(`enchanted: ${line} frames`);
      if (output.isDone()) return { report: check.report(), isWhole: false };
    }
    await writer.end();
    await output.keep();
    return { report: check.report(), isWhole: true };
  } finally {
    progress.clear();
    close();
  }
};

const counted = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`;

const lostLine = ({ agent_uid, epoch, missing }: FileReport["chains"][number]): string =>
  `enchanted: FAULT: the ledger lacks ${counted(missing, "frame")} of chain ${agent_uid} epoch ${epoch}; the archive may have them`;

const told = ({ frames, chains, fault }: FileReport, format: string): string[] => {
  const inPart = chains.filter(({ missing }) => missing > 0).length;
  const hint = format === "jsonl" ? ": verify with --excerpt" : "";
  const part = inPart === 0 ? "" : `; of ${counted(inPart, "chain")} not every frame is asked for${hint}`;
  const what = `enchanted: ${counted(frames, "frame")} of ${counted(chains.length, "chain")}${part}`;
  return fault === undefined ? [what] : [what, `enchanted: FAULT: frame ${fault.line}: ${fault.why}`];
};

/** Ends by the signal: a connection that is still being opened would keep the process until its server gives up. */
const interrupted = (host: Host, { reason }: AbortSignal): Ending => {
  host.warn("enchanted: the export was interrupted");
  return { kind: "signalled", signal: reason as NodeJS.Signals };
};

/** Tells what a whole export is; answers whether the ledger lacks frames of it, or whoever it is asked about. */
const tell = async (host: Host, { format, filter, reader, signal }: Export, report: FileReport): Promise<boolean> => {
  const isAbsent = report.frames === 0 && (await warnOfAbsent(host, reader, filter));
  if (format === "chat-jsonl") await warnOfLeftOut(host, reader, filter, ownCalls);
  const lost = await findLostChains(host, reader, { filter, report }, signal);
  for (const line of [...told(report, format), ...lost.map(lostLine)]) host.warn(line);
  return isAbsent || lost.length > 0;
};

const exportTo = async (host: Host, given: Export): Promise<Ending> => {
  try {
    await refuseUnknownTypes(host, given.reader, given.filter, "export");
    const { report, isWhole } = await writeAll(host, given);
    const isLacking = isWhole && (await tell(host, given, report));
    return exited(report.ok && !isLacking ? exitCode.ok : exitCode.fault);
  } catch (error) {
    if (given.signal.aborted) return interrupted(host, given.signal);
    if (error instanceof GrpcFailure) return endByFailure(host, error, given.reader, "export");
    throw error;
  } finally {
    await given.output.drop();
  }
};

/** `enchanted export`. */
export const exportRecord: CommandRun = async (host, { options }) => {
  const format = textOption(options, "format");
  const file = textOption(options, "file");
  const filter = filterOf(options, format);
  if (format === "parquet" && file === "" && host.stdout().isTTY === true)
    throw usage("Parquet is not for a terminal: name a file with --file");
  const reader = readServer(host, options, readerService);
  if (reader === undefined) throw usage("say where the reader is with --reader host:port, or ENCHANTED_READER");
  const collector =
    format === "chat-jsonl" ? readServer(host, { ...options, "server-name": "" }, collectorService) : undefined;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => stop.abort(signal));
  const output = await openOutput(host, file, options["force"] === true);
  return exportTo(host, { format, filter, reader, collector, output, signal: stop.signal });
};
