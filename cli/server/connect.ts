import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { grpcStatus, toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata, recordedMetadata } from "#nervous-system/comms/grpc/methods.ts";
import { createCollectorUplink, type Uplink } from "#nervous-system/recorder/uplink.ts";
import type { Host } from "../host.ts";
import { tokenCommand, type ServerSettings } from "./settings.ts";

/** The collector, and how it last answered. */
export type Connection = {
  client: GrpcClient;
  uplink: Uplink;
  /** What the last call failed with; undefined when it succeeded, or before the first one. */
  failure(): GrpcFailure | undefined;
};

/** A channel to the collector for frames of a namespace; it connects with its first call. */
export const connectCollector = (host: Host, server: ServerSettings, namespace = server.namespace): Connection => {
  const { address, caPem, serverName, token } = server;
  const client = createGrpcClient({
    address,
    caPem,
    ...(serverName === undefined ? {} : { serverName }),
    token,
    metadata: { [namespaceMetadata]: namespace, [recordedMetadata]: "true" },
    clock: host.clock,
  });
  const own = createCollectorUplink(client);
  let failure: GrpcFailure | undefined;
  const watched = async <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    try {
      const value = await answer;
      failure = undefined;
      return value;
    } catch (error) {
      failure = toGrpcFailure(error);
      throw failure;
    }
  };
  return {
    client,
    uplink: {
      tail: (chain, signal) => watched(own.tail(chain, signal)),
      send: (frames, signal) => watched(own.send(frames, signal)),
    },
    failure: () => failure,
  };
};

type Server = Pick<ServerSettings, "service" | "address" | "namespace" | "tokenFile" | "serverName">;

/** What is wrong with a certificate and how to mend it; undefined when the message is of something else. */
export const certificateTrouble = (
  message: string,
  { service, serverName }: Pick<Server, "service" | "serverName">,
): string | undefined => {
  if (/altnames|does not match/i.test(message))
    return serverName === undefined
      ? `its certificate carries another name: give --server-name enchanted-${service.name}`
      : `its certificate does not carry the name ${serverName}: mend --server-name`;
  return /certificate|self.signed|unable to (verify|get)/i.test(message)
    ? "its certificate is not of the CA known here: name the right one with --ca-file"
    : undefined;
};

/** Whether a fresh token mends nothing either. */
export const isForGood = ({ code }: GrpcFailure): boolean =>
  code === grpcStatus.permissionDenied || code === grpcStatus.invalidArgument;

/** Whether waiting mends nothing. */
export const isRefusal = (failure: GrpcFailure): boolean =>
  failure.code === grpcStatus.unauthenticated || isForGood(failure);

/** What keeps a call from its service, and what to do about it. */
export const explainFailure = ({ code, message }: GrpcFailure, server: Server): string => {
  const { name } = server.service;
  if (code === grpcStatus.unauthenticated)
    return `the ${name} does not accept the token (${message}); make a fresh one: ${tokenCommand(server.namespace, server.tokenFile)}`;
  if (code === grpcStatus.permissionDenied) return `the ${name} refuses: ${message}`;
  if (code === grpcStatus.unimplemented)
    return `what answers at ${server.address} is not the ${name}, whose port is ${server.service.port}`;
  if (code !== grpcStatus.unavailable && code !== grpcStatus.deadlineExceeded) return message;
  const why = certificateTrouble(message, server);
  return why === undefined
    ? `the ${name} at ${server.address} cannot be reached: ${message}`
    : `the ${name} at ${server.address} is not trusted: ${why}`;
};
