import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIP, type Socket } from "node:net";
import * as z from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** Where tunnels go, and as whom. */
export type TunnelOptions = {
  gateway: { host: string; port: number };
  caPem: string;
  token: () => Promise<string>;
  clock: Pick<Clock, "monotonicMs" | "sleep">;
  /** How long a gateway that is away, or not ready, is asked again. */
  patienceMs: number;
};

/** An open tunnel; `head` came before anyone listened. */
type Tunnel = { kind: "open"; socket: Socket; head: Buffer };

/** Why there is no tunnel: for the program that asked as HTTP, for people as `message`, for us as the gateway's `type`. */
export type NoTunnel = {
  kind: "refused";
  status: number;
  type: string;
  /** JSON, as the gateway's. */
  body: string;
  retryAfter?: string | undefined;
  message: string;
};

/** One refusal by ourselves, in the gateway's own words. */
export const noTunnel = (status: number, type: string, message: string, retryAfter?: string): NoTunnel => ({
  kind: "refused",
  status,
  type,
  body: JSON.stringify({ error: { type, message } }),
  retryAfter,
  message,
});

const MAX_REFUSAL_BYTES = 32 * 1024; // fifty hosts of 259 characters and some words
const REFUSAL_WITHIN_MS = 5_000;

/** The body of an answer that opened no tunnel: Node leaves it on the socket. */
const readBody = (response: IncomingMessage, socket: Socket, head: Buffer): Promise<string> =>
  new Promise((resolve) => {
    const wanted = Math.min(Number(response.headers["content-length"] ?? 0) || 0, MAX_REFUSAL_BYTES);
    let body = head;
    const finish = (): void => {
      socket.destroy();
      resolve(body.subarray(0, wanted).toString("utf8"));
    };
    if (body.length >= wanted) return finish();
    socket.setTimeout(REFUSAL_WITHIN_MS, finish);
    socket.on("data", (chunk: Buffer) => {
      body = Buffer.concat([body, chunk]);
      if (body.length >= wanted) finish();
    });
    for (const event of ["end", "error", "close"]) socket.once(event, finish);
  });

const refusalSchema = z.object({ error: z.object({ type: z.string().max(64), message: z.string().max(2048) }) });

/** What the gateway says in the body of its refusal; nothing where it is another's. */
const readRefusal = (body: string): { type: string; message: string } => {
  try {
    return refusalSchema.parse(JSON.parse(body)).error;
  } catch {
    return { type: "", message: "" };
  }
};

const describeRefusal = async (
  target: string,
  response: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<NoTunnel> => {
  const status = response.statusCode ?? 502;
  const body = await readBody(response, socket, head);
  const told = readRefusal(body);
  const words = told.message === "" ? "" : `: ${told.message}`;
  const message = `the gateway refuses a way to ${target} with status ${status}${words}`;
  // The credential is ours, so a program that is asked for one could do nothing.
  if (status === 407) return noTunnel(502, "token_refused", message);
  return { kind: "refused", status, type: told.type, body, retryAfter: response.headers["retry-after"], message };
};

// Git could speak to the gateway itself, but libcurl with GnuTLS leaves an answer lying in the outer of two TLS layers until
// more bytes arrive or the server hangs up (seen with 7.88: every 401 of a forge took as long as the forge's keep-alive).
const askForTunnel = (
  target: string,
  bearer: string,
  { gateway: { host, port }, caPem }: TunnelOptions,
  signal: AbortSignal,
): Promise<Tunnel | NoTunnel> => {
  const headers = { host: target, "proxy-authorization": `Bearer ${bearer}` };
  return new Promise((resolve) => {
    // Else node takes the name to verify from the host header, which names the tunnel's far end.
    const servername = isIP(host) === 0 ? host : "";
    const tls = { host, port, servername, ca: caPem, agent: false };
    const tunnel = request({ ...tls, method: "CONNECT", path: target, headers, signal });
    tunnel.once("connect", (response, socket, head) => {
      if (response.statusCode === 200) return resolve({ kind: "open", socket, head });
      resolve(describeRefusal(target, response, socket, head));
    });
    tunnel.once("error", (error: NodeJS.ErrnoException) => {
      const message = `the gateway ${host}:${port} does not answer: ${error.code ?? error.message}`;
      resolve(noTunnel(503, "gateway_unavailable", message, "2"));
    });
    tunnel.end();
  });
};

const RETRY_MS = 500;

/** Asks the gateway for a tunnel to `target` (`host:port`), again while that may help and patience lasts. */
export const openTunnel = async (
  target: string,
  options: TunnelOptions,
  signal: AbortSignal,
): Promise<Tunnel | NoTunnel> => {
  const until = options.clock.monotonicMs() + options.patienceMs;
  for (;;) {
    const answer = await askForTunnel(target, await options.token(), options, signal);
    const isOver = signal.aborted || options.clock.monotonicMs() + RETRY_MS > until;
    if (answer.kind === "open" || answer.status < 500 || isOver) return answer;
    await options.clock.sleep(RETRY_MS);
  }
};
