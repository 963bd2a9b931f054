import { Client, connectivityState, credentials } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { MAX_MESSAGE_BYTES } from "./methods.ts";

/** Where a channel leads. */
export type ChannelOptions = {
  /** `host:port`. */
  readonly address: string;
  /** CA that the server's certificate must come from; plaintext without it (loopback only). */
  readonly caPem?: string;
  /** Name that the certificate must carry, when it is not the host of `address`. */
  readonly serverName?: string;
  readonly clock: Pick<Clock, "now">;
  /** How long a connection may take to come about before it is given up, milliseconds. */
  readonly connectLimitMs?: number;
};

/** A channel that reconnects by itself, also from a connection that never comes about. */
export type GrpcChannel = {
  /** The client to call by now. */
  current(): Client;
  close(): void;
};

const CONNECT_LIMIT_MS = 10_000;

const grpcOptions = (serverName: string | undefined): Record<string, string | number> => ({
  "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
  // Retrying belongs to the caller, who knows what is stored.
  "grpc.enable_retries": 0,
  // An agent's HTTPS_PROXY must not stand between its recorder and the collector.
  "grpc.enable_http_proxy": 0,
  // A channel given up must not hand its hanging connection to the next one.
  "grpc.use_local_subchannel_pool": 1,
  ...(serverName === undefined ? {} : { "grpc.ssl_target_name_override": serverName }),
});

/**
 * Opens a channel; it connects with its first call. grpc-js has no limit on connecting, so a first packet that got lost
 * (a server's address that just went away) would block the channel until the kernel gives up, two minutes later: a
 * channel that is not ready for `connectLimitMs` is replaced by a fresh one.
 */
export const openGrpcChannel = (options: ChannelOptions): GrpcChannel => {
  const { address, caPem, serverName, clock, connectLimitMs = CONNECT_LIMIT_MS } = options;
  const security = caPem === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(caPem));
  const open = (): Client => new Client(address, security, grpcOptions(serverName));
  let client = open();
  let openedAt = clock.now();
  return {
    current: () => {
      const isReady = client.getChannel().getConnectivityState(false) === connectivityState.READY;
      if (isReady) openedAt = clock.now();
      else if (clock.now() - openedAt >= connectLimitMs) {
        client.close();
        client = open();
        openedAt = clock.now();
      }
      return client;
    },
    close: () => client.close(),
  };
};
