import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { hangUp, join } from "./join.ts";
import { serve } from "#nervous-system/comms/http/serve.ts";
import { LOOPBACK, MAX_POD_CONNECTIONS } from "#nervous-system/comms/socket/listen.ts";
import { noTunnel, openTunnel, type NoTunnel, type TunnelOptions } from "./open-tunnel.ts";

/** The gateway's tunnels, offered on loopback as a plain proxy that needs no credential. */
export type ConnectProxy = {
  port: number;
  /** Why the last tunnel was not opened. */
  lastFailure(): Pick<NoTunnel, "type" | "message"> | undefined;
  close(): Promise<void>;
};

/** How the proxy listens (0 takes a free port), and where it passes tunnels. */
type ConnectProxyOptions = TunnelOptions & { port: number; reusePort?: boolean; maxTunnels: number };

const answerOther = (_incoming: IncomingMessage, response: ServerResponse): void => {
  const message = "this port is a proxy for CONNECT host:port and answers nothing else; use https";
  response.writeHead(405, { "content-type": "application/json", allow: "CONNECT", connection: "close" });
  response.end(JSON.stringify({ error: { type: "only_connect", message } }));
};

const refuse = (client: Duplex, { status, body, retryAfter }: NoTunnel): void => {
  client.write(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Refused"}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      ...(retryAfter === undefined ? [] : [`retry-after: ${retryAfter}`]),
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  hangUp(client);
};

const whenClosed = (client: Duplex): AbortSignal => {
  const closed = new AbortController();
  client.once("close", () => closed.abort());
  return closed.signal;
};

const tunnelFor = async (
  target: string,
  client: Duplex,
  head: Buffer,
  options: TunnelOptions,
): Promise<NoTunnel | undefined> => {
  const tunnel = await openTunnel(target, options, whenClosed(client)).catch((error: unknown) =>
    noTunnel(503, "token_unavailable", `the pod's token cannot be read: ${(error as Error).message}`, "2"),
  );
  if (tunnel.kind === "refused") return tunnel;
  if (client.destroyed) tunnel.socket.destroy();
  else {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    client.write(tunnel.head);
    tunnel.socket.write(head);
    join(client, tunnel.socket);
  }
  return undefined;
};

/** Starts the proxy on loopback; rejects when the port is taken. */
export const startConnectProxy = async (options: ConnectProxyOptions): Promise<ConnectProxy> => {
  const { port, reusePort, maxTunnels } = options;
  let failure: NoTunnel | undefined;
  let open = 0;
  const server = await serve({
    at: { host: LOOPBACK, port, reusePort },
    maxConnections: MAX_POD_CONNECTIONS,
    answer: answerOther,
    connect: async ({ url = "" }, client, head) => {
      open += 1;
      client.once("close", () => (open -= 1));
      const refused =
        open > maxTunnels
          ? noTunnel(429, "too_many_tunnels", `at most ${maxTunnels} tunnels at a time; close one first`, "1")
          : await tunnelFor(url, client, head, options);
      if (refused === undefined) return;
      failure = refused;
      refuse(client, refused);
    },
  });
  return { port: server.port, lastFailure: () => failure, close: () => server.close() };
};
