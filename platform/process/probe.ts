import { readFile } from "node:fs/promises";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { connect } from "node:net";
import type { NetConnectOpts } from "node:net";
import { tryRun } from "./run.ts";

/** How to ask a service whether it is ready: plain data, so that it can be written into a record. */
export type Probe =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "socket"; readonly path: string }
  | {
      readonly kind: "http";
      readonly url: string;
      /** Files of the client's trust and identity, for https. */
      readonly caFile?: string;
      readonly certFile?: string;
      readonly keyFile?: string;
      /** Any answer at all counts, as from a server that asks for credentials first. */
      readonly anyStatus?: boolean;
    }
  | { readonly kind: "command"; readonly command: readonly string[] };

const PROBE_TIMEOUT_MS = 3_000;

const connects = (options: NetConnectOpts): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ ...options, timeout: PROBE_TIMEOUT_MS });
    const answer = (ok: boolean) => () => {
      socket.destroy();
      resolve(ok);
    };
    socket.once("connect", answer(true));
    socket.once("error", answer(false));
    socket.once("timeout", answer(false));
  });

const optionalFile = async (path: string | undefined): Promise<string | undefined> =>
  path === undefined ? undefined : readFile(path, "utf8");

const httpAnswers = async (probe: Probe & { kind: "http" }): Promise<boolean> => {
  const [ca, cert, key] = await Promise.all([
    optionalFile(probe.caFile),
    optionalFile(probe.certFile),
    optionalFile(probe.keyFile),
  ]);
  const get = probe.url.startsWith("https:") ? httpsGet : httpGet;
  return new Promise((resolve) => {
    const request = get(
      probe.url,
      {
        agent: false,
        timeout: PROBE_TIMEOUT_MS,
        ...(ca && { ca }),
        ...(cert && { cert }),
        ...(key && { key }),
      },
      (response) => {
        response.resume();
        resolve(probe.anyStatus === true || response.statusCode === 200);
      },
    );
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
  });
};

/** Asks once whether the service is ready; never rejects for a service that is merely down. */
export const isReady = async (probe: Probe): Promise<boolean> => {
  switch (probe.kind) {
    case "tcp":
      return connects({ host: probe.host, port: probe.port });
    case "socket":
      return connects({ path: probe.path });
    case "http":
      return httpAnswers(probe);
    case "command":
      return (await tryRun(probe.command)).code === 0;
  }
};
