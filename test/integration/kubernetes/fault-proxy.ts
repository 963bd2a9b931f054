import { readFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { parse } from "yaml";

/** What the proxy does to watches: to those that are open now, or to the next one that opens. */
export type FaultProxy = {
  /** A kubeconfig whose server is the proxy. */
  readonly kubeconfig: string;
  /** How many watches pass through now. */
  openWatches(): number;
  /** Ends the sockets of all open watches at once, wherever in a line they are. */
  cutWatches(): void;
  /** Cuts every second byte sequence short: the open watches get one more chunk, halved, and then their sockets end. */
  cutInsideNextLine(): void;
  /** From now on the open watches get nothing and their sockets stay open: half-open, as after a lost route. */
  silenceWatches(): void;
  /** Tells an ERROR event with code 410 on the open watches and ends them in order. */
  expireWatches(): void;
  /** Answers the next watch request so, instead of passing it on. */
  answerNextWatch(status: number, body: unknown, headers?: Record<string, string>): void;
  /** Refuses connections while true. */
  setDown(down: boolean): void;
  close(): Promise<void>;
};

type Kubeconfig = {
  clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
  users: [{ user: { "client-certificate-data": string; "client-key-data": string } }];
};
type OpenWatch = { response: http.ServerResponse; upstream: http.ClientRequest; halve: boolean; silent: boolean };
type Canned = { status: number; body: unknown; headers: Record<string, string> };

const decoded = (text: string): Buffer => Buffer.from(text, "base64");

/** The Status object of an expired resourceVersion. */
export const goneStatus = {
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: "too old resource version: 1 (2)",
  reason: "Expired",
  code: 410,
};

const proxyKubeconfig = (port: number): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "proxy",
    // client-node speaks plain HTTP only where TLS verification is off.
    clusters: [{ name: "proxy", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "proxy", user: {} }],
    contexts: [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }],
  });

/** Starts a proxy on loopback in front of the API server that a kubeconfig file names, acting as that file's user. */
export const startFaultProxy = async (kubeconfigPath: string): Promise<FaultProxy> => {
  const config = parse(await readFile(kubeconfigPath, "utf8")) as Kubeconfig;
  const { server: target, "certificate-authority-data": ca } = config.clusters[0].cluster;
  const { "client-certificate-data": cert, "client-key-data": key } = config.users[0].user;
  const agent = new https.Agent({ keepAlive: true, ca: decoded(ca), cert: decoded(cert), key: decoded(key) });
  const watches = new Set<OpenWatch>();
  const sockets = new Set<Socket>();
  const canned: Canned[] = [];
  let down = false;

  const end = (watch: OpenWatch, how: (response: http.ServerResponse) => void): void => {
    watches.delete(watch);
    how(watch.response);
    watch.upstream.destroy();
  };
  const pass = (watch: OpenWatch, chunk: Buffer): void => {
    if (watch.silent) return;
    if (!watch.halve) return void watch.response.write(chunk);
    watch.response.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () =>
      end(watch, (response) => response.socket?.destroy()),
    );
  };
  const forward = (request: http.IncomingMessage, response: http.ServerResponse, isWatch: boolean): void => {
    const upstream = https.request(new URL(request.url ?? "/", target), {
      agent,
      method: request.method,
      headers: { ...request.headers, host: new URL(target).host },
    });
    const watch: OpenWatch = { response, upstream, halve: false, silent: false };
    upstream.on("error", () => {
      if (!watch.silent) response.destroy();
    });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      if (isWatch) watches.add(watch);
      answer.on("data", (chunk: Buffer) => pass(watch, chunk));
      answer.on("error", () => undefined);
      answer.on("end", () => {
        watches.delete(watch);
        if (!watch.silent) response.end();
      });
    });
    response.on("close", () => {
      watches.delete(watch);
      upstream.destroy();
    });
    request.pipe(upstream);
  };
  const server = http.createServer((request, response) => {
    const isWatch = request.url?.includes("watch=true") === true;
    const answer = isWatch ? canned.shift() : undefined;
    if (answer) response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body));
    else forward(request, response, isWatch);
  });
  server.on("connection", (socket) => {
    if (down) return void socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    kubeconfig: proxyKubeconfig((server.address() as AddressInfo).port),
    openWatches: () => watches.size,
    cutWatches: () => {
      for (const watch of watches) end(watch, (response) => response.socket?.destroy());
    },
    cutInsideNextLine: () => {
      for (const watch of watches) watch.halve = true;
    },
    silenceWatches: () => {
      for (const watch of watches) watch.silent = true;
    },
    expireWatches: () => {
      const line = `${JSON.stringify({ type: "ERROR", object: goneStatus })}\n`;
      for (const watch of watches) end(watch, (response) => response.end(line));
    },
    answerNextWatch: (status, body, headers = {}) => void canned.push({ status, body, headers }),
    setDown: (value) => {
      down = value;
      if (down) for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
