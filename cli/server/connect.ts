import { createGrpcClient, type GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { toGrpcFailure, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata, recordedMetadata } from "#nervous-system/comms/grpc/methods.ts";
import { createCollectorUplink, type Uplink } from "#nervous-system/recorder/uplink.ts";
import type { Host } from "../host.ts";
import type { ServerSettings } from "./settings.ts";

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
