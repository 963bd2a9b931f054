import { createServer, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP, type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { join } from "../join.ts";

/** The gateway's tunnel, offered on loopback as a plain proxy that needs no credential. */
export type ConnectBridge = {
  /** Proxy URL for Git. */
  url: string;
  /** Why the last tunnel was not opened, for people. */
  lastFailure(): string | undefined;
  close(): Promise<void>;
};

/** Where the tunnels go, and as whom. */
export type ConnectBridgeOptions = {
  gateway: { host: string; port: number };
  caPem: string;
  token: () => Promise<string>;
  clock: Pick<Clock, "monotonicMs" | "sleep">;
  /** How long a gateway that is away, or not ready, is asked again. */
  patienceMs: number;
};

/** A tunnel that was not opened; `mayPass` tells whether asking again can help. */
type Refused = { message: string; mayPass: boolean };
type Tunnel = { socket: Socket; head: Buffer };

// Git could speak to the gateway itself, but libcurl with GnuTLS leaves an answer lying in the outer of two TLS layers until
// more bytes arrive or the server hangs up (seen with 7.88: every 401 of a forge took as long as the forge's keep-alive).
const askForTunnel = (target: string, bearer: string, options: ConnectBridgeOptions): Promise<Tunnel | Refused> => {
  const { host, port } = options.gateway;
  const headers = { host: target, "proxy-authorization": `Bearer ${bearer}` };
  return new Promise((resolve) => {
    // Else node takes the name to verify from the host header, which names the tunnel's far end.
    const servername = isIP(host) === 0 ? host : "";
    const tls = { host, port, servername, ca: options.caPem, agent: false };
    const tunnel = request({ ...tls, method: "CONNECT", path: target, headers });
    tunnel.once("connect", (response, socket, head) => {
      const status = response.statusCode ?? 0;
      if (status === 200) return resolve({ socket, head });
      socket.destroy();
      resolve({ message: `the gateway refuses a way to ${target} with status ${status}`, mayPass: status >= 500 });
    });
    tunnel.once("error", (error: NodeJS.ErrnoException) => {
      resolve({
        message: `the gateway ${host}:${port} does not answer: ${error.code ?? error.message}`,
        mayPass: true,
      });
    });
    tunnel.end();
  });
};

const RETRY_MS = 500;

const openTunnel = async (target: string, options: ConnectBridgeOptions): Promise<Tunnel> => {
  const until = options.clock.monotonicMs() + options.patienceMs;
  for (;;) {
    const answer = await askForTunnel(target, await options.token(), options);
    if ("socket" in answer) return answer;
    if (!answer.mayPass || options.clock.monotonicMs() + RETRY_MS > until) throw new Error(answer.message);
    await options.clock.sleep(RETRY_MS);
  }
};

/** Starts the bridge on a free port of loopback. */
export const startConnectBridge = async (options: ConnectBridgeOptions): Promise<ConnectBridge> => {
  let failure: string | undefined;
  const open = new Set<Duplex>();
  const server = createServer((_incoming, response) => response.writeHead(405).end());
  const bridge = async (target: string, client: Duplex, head: Buffer): Promise<void> => {
    try {
      const tunnel = await openTunnel(target, options);
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.write(tunnel.head);
      tunnel.socket.write(head);
      join(client, tunnel.socket);
    } catch (error) {
      failure = (error as Error).message;
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    }
  };
  server.on("connect", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    open.add(client);
    client.once("close", () => open.delete(client));
    client.on("error", () => client.destroy());
    void bridge(incoming.url ?? "", client, head);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lastFailure: () => failure,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.destroy();
      }),
  };
};
