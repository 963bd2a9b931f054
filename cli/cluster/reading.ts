import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { textOption, type OptionValues } from "../arguments.ts";
import { endByFailure } from "../ask/reader-failure.ts";
import type { FrameFilter } from "../export/read-frames.ts";
import { CliError, type Ending, type Host } from "../host.ts";
import { readerService, readServer, type ServerSettings } from "../server/settings.ts";

/** Does `work` with the reader that the options name; SIGINT, SIGTERM and SIGHUP end it by the signal that it is given. */
export const withReader = async (
  host: Host,
  { name, options }: { readonly name: string; readonly options: OptionValues },
  work: (server: ServerSettings, signal: AbortSignal) => Promise<Ending>,
): Promise<Ending> => {
  const server = readServer(host, options, readerService);
  if (server === undefined)
    throw new CliError(`enchanted ${name}: say where the reader is with --reader host:port, or ENCHANTED_READER`);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => stop.abort(signal));
  try {
    return await work(server, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return { kind: "signalled", signal: stop.signal.reason as NodeJS.Signals };
    if (error instanceof GrpcFailure) return endByFailure(host, error, server, name);
    throw error;
  }
};

/** The frames of a mission, by the options `agent` and `types` where a command has them. */
export const filterOf = (mission: string, options: OptionValues): FrameFilter => {
  const more = ["agent", "types"].flatMap((name) => {
    const value = textOption(options, name);
    return value === "" ? [] : [[name, value] as const];
  });
  return { mission, ...Object.fromEntries(more) };
};
