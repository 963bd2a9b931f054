import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { tokenCommand, type ServerSettings } from "./settings.ts";

type Server = Pick<ServerSettings, "address" | "namespace" | "tokenFile" | "serverName">;

/** What is wrong with a certificate and how to mend it; undefined when the message is of something else. */
export const certificateTrouble = (message: string, { serverName }: Pick<Server, "serverName">): string | undefined => {
  if (/altnames|does not match/i.test(message))
    return serverName === undefined
      ? "its certificate carries another name: give --server-name enchanted-collector"
      : `its certificate does not carry the name ${serverName}: mend --server-name`;
  return /certificate|self.signed|unable to (verify|get)/i.test(message)
    ? "its certificate is not of the CA known here: name the right one with --ca-file"
    : undefined;
};

/** Whether waiting mends nothing. */
export const isRefusal = ({ code }: GrpcFailure): boolean =>
  code === grpcStatus.unauthenticated || code === grpcStatus.permissionDenied || code === grpcStatus.invalidArgument;

/** What keeps the frames from the collector, and what to do about it. */
export const explainFailure = ({ code, message }: GrpcFailure, server: Server): string => {
  if (code === grpcStatus.unauthenticated)
    return `the collector does not accept the token (${message}); make a fresh one: ${tokenCommand(server.namespace, server.tokenFile)}`;
  if (code === grpcStatus.permissionDenied) return `the collector refuses: ${message}`;
  if (code !== grpcStatus.unavailable && code !== grpcStatus.deadlineExceeded) return message;
  const why = certificateTrouble(message, server);
  return why === undefined
    ? `the collector at ${server.address} cannot be reached: ${message}`
    : `the collector at ${server.address} is not trusted: ${why}`;
};
