import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type AddressInfo } from "node:net";
import type { KeyPair } from "#platform/cluster/certificates.ts";

/** Git's own HTTP server behind https, and the gateway's tunnel before it. */
export type GitForge = {
  /** Base of the clone URLs. */
  url: string;
  /** `host:port` of the tunnel. */
  tunnel: string;
  /** What was asked: `CONNECT host:port Bearer token`, `GET /path user`. */
  seen: string[];
  /** How many tunnels are refused with 503 first. */
  unreadyFor: number;
  close(): Promise<void>;
};

/** What a forge serves. */
export type GitForgeOptions = {
  tls: KeyPair;
  /** Directory of bare repositories. */
  root: string;
  /** Needed for every repository whose name begins with `private`. */
  credentials: { username: string; password: string };
  fetchToken: string;
};

const basicOf = (header: string | undefined): string =>
  Buffer.from(/^Basic +(\S+)$/i.exec(header ?? "")?.[1] ?? "", "base64").toString("utf8");

/** Answers with what the CGI program `git http-backend` says. */
const runBackend = (root: string, incoming: IncomingMessage, response: ServerResponse): void => {
  const [path = "", query = ""] = (incoming.url ?? "").split("?");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: incoming.method ?? "GET",
      CONTENT_TYPE: incoming.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: incoming.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(incoming.headers["git-protocol"] ?? ""),
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  incoming.pipe(backend.stdin);
  backend.stdin.on("error", () => undefined);
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    backend.stdout.off("data", onHead);
    for (const line of head.toString("latin1", 0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(/: */, 2);
      if (name.toLowerCase() === "status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    backend.stdout.pipe(response);
  };
  backend.stdout.on("data", onHead);
};

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

const refusals: Readonly<Record<string, { status: number; error: { type: string; message: string } }>> = {
  "git.no-such.example:443": {
    status: 502,
    error: {
      type: "name_not_resolved",
      message: 'the host name "git.no-such.example" does not resolve: check the address',
    },
  },
  "git.inside.example:443": {
    status: 403,
    error: { type: "address_not_allowed", message: '"git.inside.example" (10.0.0.7) is a private address' },
  },
  "git.lent.example:443": {
    status: 403,
    error: { type: "secret_not_allowed", message: 'Secret "team/lent" does not list https://git.lent.example/a.git' },
  },
};

/** Starts forge and tunnel on loopback. */
export const startGitForge = async (options: GitForgeOptions): Promise<GitForge> => {
  const tls = { cert: await readFile(options.tls.certFile), key: await readFile(options.tls.keyFile) };
  const seen: string[] = [];
  const { username, password } = options.credentials;
  const forge = createTlsServer(tls, (incoming, response) => {
    const given = basicOf(incoming.headers.authorization);
    seen.push(`${incoming.method} ${incoming.url} ${given}`);
    if (incoming.url?.startsWith("/private") === true && given !== `${username}:${password}`) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="forge"' }).end("who are you?");
      return;
    }
    if (incoming.url?.startsWith("/moved.git") === true) {
      response.writeHead(301, { location: incoming.url.replace("/moved.git", "/public.git") }).end();
      return;
    }
    runBackend(options.root, incoming, response);
  });
  const forgePort = await listen(forge);
  const tunnel = createTlsServer(tls);
  tunnel.on("connect", (incoming: IncomingMessage, socket) => {
    const given = incoming.headers["proxy-authorization"];
    seen.push(`CONNECT ${incoming.url} ${given}`);
    if (given !== `Bearer ${options.fetchToken}`)
      return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    if (gitForge.unreadyFor > 0) {
      gitForge.unreadyFor -= 1;
      return void socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    }
    // As the gateway says it.
    const refusal = refusals[incoming.url ?? ""];
    if (refusal !== undefined) {
      const body = JSON.stringify({ error: refusal.error });
      return void socket.end(
        `HTTP/1.1 ${refusal.status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    }
    if (incoming.url !== `localhost:${forgePort}`) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const through = connect(forgePort, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(through).pipe(socket);
    });
    socket.on("error", () => through.destroy());
    through.on("error", () => socket.destroy());
    // A side that is cut must not leave the other half open: it would keep the test process alive.
    through.on("close", () => socket.destroy());
    socket.on("close", () => through.destroy());
  });
  const tunnelPort = await listen(tunnel);
  const gitForge: GitForge = {
    unreadyFor: 0,
    url: `https://localhost:${forgePort}`,
    tunnel: `localhost:${tunnelPort}`,
    seen,
    close: async () => {
      for (const server of [forge, tunnel]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
  return gitForge;
};
