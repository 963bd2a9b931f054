import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { CliError, exitCode, exited, type Ending, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { certificateTrouble, explainFailure } from "../server/connect.ts";
import type { ServerSettings } from "../server/settings.ts";

/** Tells why the reader did not answer a command; throws `CliError` where the question was wrong. */
export const endByFailure = (
  host: Pick<Host, "warn">,
  failure: GrpcFailure,
  server: ServerSettings,
  command: string,
): Ending => {
  if (failure.code === grpcStatus.invalidArgument)
    throw new CliError(`enchanted ${command}: ${printable(failure.message)}`);
  // What the reader says of a store that is away is no trouble of the way to it.
  const isOfReader = failure.code === grpcStatus.unavailable && failure.retryAfterMs !== undefined;
  const told =
    isOfReader && certificateTrouble(failure.message, server) === undefined
      ? failure.message
      : explainFailure(failure, server);
  host.warn(`enchanted: ${printable(told)}`);
  return exited(exitCode.fault);
};
