import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { CredentialsError } from "#nervous-system/kubernetes/errors.ts";

/** Where the address and the credentials of the API server come from. */
export type KubeSource =
  | { kind: "in-cluster" }
  /** A kubeconfig, what further ones add to it, and the context that is used where it is not the current one. */
  | { kind: "file"; path: string; more?: readonly string[]; context?: string }
  | { kind: "text"; text: string };

/** What one request needs to reach the API server as ourselves. */
export type Connection = {
  base: URL;
  headers: Readonly<Record<string, string>>;
  /** Pool for requests that end. */
  requests: http.Agent;
  /** Watches get a fresh socket each: a pooled one may have gone half-open unseen. */
  watches: http.Agent;
};

/** Answers the current connection; reads credentials again when they are a minute old. */
export type Connector = {
  /** The namespace of the context, for who names none. */
  readonly namespace: string;
  current(): Promise<Connection>;
  close(): void;
};

// client-go reads a projected token again each minute; tokens live 10 minutes or more.
const CREDENTIALS_FRESH_MS = 60_000;
// kube-apiserver closes idle connections after 90 s; closing first avoids writing into a socket that it just closed.
const IDLE_SOCKET_MS = 30_000;
const MAX_SOCKETS = 64;

const useContext = (config: KubeConfig, context: string): void => {
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context))
    throw new Error(`the kubeconfig has no context "${context}"; it has ${known.join(", ") || "none"}`);
  config.setCurrentContext(context);
};

// The library reads members of what a file holds, and one of comments alone, as a tool leaves it, holds nothing.
const holdsNothing = (path: string): boolean =>
  readFileSync(path, "utf8")
    .split("\n")
    .every((line) => /^\s*(?:#|---\s*$|$)/.test(line));

const loadFile = (path: string): KubeConfig => {
  const config = new KubeConfig();
  if (!holdsNothing(path)) config.loadFromFile(path);
  return config;
};

/** The first of each name, as for kubectl; the library refuses a second one. */
const firstOfEach = <T extends { readonly name: string }>(all: readonly T[]): T[] => {
  const first = new Map<string, T>();
  for (const one of all) if (!first.has(one.name)) first.set(one.name, one);
  return [...first.values()];
};

const loadFiles = (config: KubeConfig, { path, more = [], context }: Extract<KubeSource, { kind: "file" }>): void => {
  const files = [path, ...more].map(loadFile);
  config.loadFromOptions({
    clusters: firstOfEach(files.flatMap((file) => file.getClusters())),
    users: firstOfEach(files.flatMap((file) => file.getUsers())),
    contexts: firstOfEach(files.flatMap((file) => file.getContexts())),
    currentContext: files.map((file) => file.getCurrentContext()).find((name) => Boolean(name)) ?? "",
  });
  if (context !== undefined) useContext(config, context);
};

const load = (source: KubeSource): KubeConfig => {
  const config = new KubeConfig();
  if (source.kind === "in-cluster") config.loadFromCluster();
  else if (source.kind === "file") loadFiles(config, source);
  else config.loadFromString(source.text);
  return config;
};

const tlsOf = (options: https.RequestOptions): https.AgentOptions => ({
  ...(options.ca !== undefined && { ca: options.ca }),
  ...(options.cert !== undefined && { cert: options.cert }),
  ...(options.key !== undefined && { key: options.key }),
  ...(options.rejectUnauthorized !== undefined && { rejectUnauthorized: options.rejectUnauthorized }),
  ...(options.servername !== undefined && { servername: options.servername }),
});

const headersOf = ({ headers, auth }: https.RequestOptions): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)])),
  ...(typeof auth === "string" && { Authorization: `Basic ${Buffer.from(auth).toString("base64")}` }),
});

const connect = (base: URL, options: https.RequestOptions, proxied: boolean): Connection => {
  const headers = headersOf(options);
  // A proxy needs the agent that client-node built for it; it ignores rotated certificates, ours does not.
  if (proxied && options.agent instanceof http.Agent) {
    return { base, headers, requests: options.agent, watches: options.agent };
  }
  const Agent = base.protocol === "https:" ? https.Agent : http.Agent;
  const tls = tlsOf(options);
  const pool = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_SOCKET_MS };
  return { base, headers, requests: new Agent({ ...tls, ...pool }), watches: new Agent({ ...tls, keepAlive: false }) };
};

const fingerprint = (options: https.RequestOptions): string =>
  [options.ca, options.cert, options.key].map(String).join("\0");

/** Loads the configuration; throws, naming the source, when it names no cluster. */
export const createConnector = (source: KubeSource, clock: Pick<Clock, "monotonicMs">): Connector => {
  const config = load(source);
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new Error(`the kubeconfig (${source.kind}) has no cluster in its current context: check current-context`);
  }
  const base = new URL(cluster.server);
  if (base.protocol === "http:" && !cluster.skipTLSVerify)
    throw new Error(
      `its server ${base.origin} has no TLS: set insecure-skip-tls-verify of the cluster to true if it is a proxy on this machine, such as kubectl proxy, or name an https address`,
    );
  let known: { connection: Connection; print: string; readAtMs: number } | undefined;

  const read = async (): Promise<Connection> => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options).catch((error: unknown) => {
      throw new CredentialsError(error instanceof Error ? error.message : String(error));
    });
    const print = fingerprint(options);
    const connection =
      known?.print === print
        ? { ...known.connection, headers: headersOf(options) }
        : connect(base, options, cluster.proxyUrl !== undefined);
    known = { connection, print, readAtMs: clock.monotonicMs() };
    return connection;
  };
  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? "default",
    current: async () => {
      const fresh = known !== undefined && clock.monotonicMs() - known.readAtMs < CREDENTIALS_FRESH_MS;
      return fresh && known ? known.connection : await read();
    },
    close: () => {
      known?.connection.requests.destroy();
      known?.connection.watches.destroy();
    },
  };
};
