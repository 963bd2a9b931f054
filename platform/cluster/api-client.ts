import { readFile } from "node:fs/promises";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { parse } from "yaml";
import { systemClock } from "#nervous-system/kernel/clock.ts";

/** The little of the Kubernetes API that the platform's own processes speak. */
export type ApiClient = {
  /** Sends one request; answers the parsed body and throws with the server's message when it refuses. */
  send<T>(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T>;
  /** Calls `onEvent` whenever anything under one of the collection paths may have changed, until aborted. */
  watch(paths: readonly string[], onEvent: () => void, signal: AbortSignal): Promise<void>;
};

/** An answer of the API server that is not a success. */
class ApiError extends Error {
  readonly status: number;
  constructor(method: string, path: string, status: number, message: string) {
    super(`${method} ${path}: ${status} ${message}`);
    this.status = status;
  }
}

type Kubeconfig = {
  clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  users: { user: { "client-certificate-data": string; "client-key-data": string } }[];
};

const connectionOf = async (kubeconfig: string): Promise<RequestOptions & { server: string }> => {
  const config = parse(await readFile(kubeconfig, "utf8")) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  if (cluster === undefined || user === undefined) {
    throw new Error(`${kubeconfig} holds no cluster or no user; remove it and run "make up" again.`);
  }
  const decode = (text: string): Buffer => Buffer.from(text, "base64");
  const tls = {
    ca: decode(cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
  return { server: cluster.server, agent: new Agent({ ...tls, keepAlive: true }) };
};

const readBody = async (response: IncomingMessage): Promise<string> => {
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
};

/** The API server closes each watch after this time; a silent, dead connection ends no later. */
const WATCH_SECONDS = 240;

/** Creates a client from one of the kubeconfigs that the platform itself writes. */
export const createApiClient = async (kubeconfig: string): Promise<ApiClient> => {
  const { server, agent } = await connectionOf(kubeconfig);
  const clock = systemClock();
  const open = (method: string, path: string, body?: unknown, signal?: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      const options: RequestOptions = { method, agent, headers: { "content-type": type } };
      if (signal !== undefined) options.signal = signal;
      const request = httpsRequest(server + path, options, resolve);
      request.setTimeout((WATCH_SECONDS + 30) * 1_000, () => request.destroy(new Error("no answer")));
      request.once("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const watchOnce = async (path: string, onEvent: () => void, signal: AbortSignal) => {
    const response = await open("GET", `${path}?watch=true&timeoutSeconds=${WATCH_SECONDS}`, undefined, signal);
    onEvent(); // whatever happened before this watch began
    for await (const _ of response) onEvent();
  };
  return {
    send: async (method, path, body) => {
      const response = await open(method, path, body);
      const text = await readBody(response);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) return JSON.parse(text);
      throw new ApiError(method, path, status, text.slice(0, 500));
    },
    watch: async (paths, onEvent, signal) => {
      const follow = async (path: string): Promise<void> => {
        while (!signal.aborted) {
          await watchOnce(path, onEvent, signal).catch(() => undefined);
          await clock.sleep(500, signal).catch(() => undefined);
        }
      };
      await Promise.all(paths.map(follow));
    },
  };
};
