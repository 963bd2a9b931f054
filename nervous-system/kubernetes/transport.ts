import http from "node:http";
import https from "node:https";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Connection, Connector } from "#nervous-system/kubernetes/connection.ts";
import { ConnectionError, isConnectionError } from "#nervous-system/kubernetes/errors.ts";

/** One HTTP request to the API server. */
export type HttpRequest = {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Path and query. */
  path: string;
  body?: { contentType: string; text: string } | undefined;
  /** The whole exchange must end within this many milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Called when the connection stands, just before the first byte leaves; when it throws, none leaves. */
  guard?: (() => void) | undefined;
};

/** An answer that was read to its end. */
type HttpAnswer = { status: number; retryAfter: string | undefined; text: string };

/** Called for each answer, or with code `<error>` where none came: what `rest_client_requests_total` counts. */
export type AnswerHook = (answer: { method: string; code: string; host: string }) => void;

/** Sends requests over the connector's pools. Every failure without an answer is a `ConnectionError`. */
export type Transport = {
  /** Reads the whole answer. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Hands each chunk of a 200 answer to `onData` as it comes; other answers are read whole. */
  stream(request: HttpRequest, onData: (chunk: Buffer) => void): Promise<HttpAnswer>;
};

const DETAILS: Record<string, string> = {
  ECONNREFUSED: "nothing listens there; check that the API server runs and that the kubeconfig names its address",
  ENOTFOUND: "the host name does not resolve; check the server address in the kubeconfig",
  ETIMEDOUT: "no whole answer in time; the API server hangs, is overloaded, or the connection is half-open",
  EABORTED: "given up by the caller",
};

const failure = (request: HttpRequest, base: URL, code: string, cause: string): ConnectionError =>
  new ConnectionError(code, `${request.method} ${base.origin}${request.path}: ${code}: ${DETAILS[code] ?? cause}`);

const open = (
  connection: Connection,
  request: HttpRequest,
  agent: http.Agent,
  userAgent: string,
): http.ClientRequest => {
  const { base, headers } = connection;
  const request_ = base.protocol === "https:" ? https.request : http.request;
  const length = request.body ? { "Content-Length": String(Buffer.byteLength(request.body.text)) } : {};
  const type = request.body ? { "Content-Type": request.body.contentType } : {};
  return request_(new URL(base.pathname.replace(/\/$/, "") + request.path, base), {
    agent,
    method: request.method,
    headers: { Accept: "application/json", "User-Agent": userAgent, ...headers, ...type, ...length },
  });
};

// A write must be judged when it can leave, not when it is queued behind a handshake or behind other requests.
const sendWhenConnected = (sent: http.ClientRequest, request: HttpRequest, refuse: (error: Error) => void): void => {
  const go = (): void => {
    try {
      request.guard?.();
    } catch (error) {
      return refuse(error as Error);
    }
    sent.end(request.body?.text);
  };
  if (!request.guard) return go();
  sent.once("socket", (socket) => {
    if (sent.reusedSocket || !socket.connecting) go();
    else socket.once("encrypted" in socket ? "secureConnect" : "connect", go);
  });
};

type Exchange = { connection: Connection; agent: http.Agent; userAgent: string; clock: Pick<Clock, "after"> };

const exchange = (
  { connection, agent, userAgent, clock }: Exchange,
  request: HttpRequest,
  onData?: (chunk: Buffer) => void,
): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const sent = open(connection, request, agent, userAgent);
    let reason: Error | undefined;
    // Once an answer has begun, `destroy(error)` surfaces as a bare "aborted": the reason is kept here.
    const stop = (error: Error): void => {
      reason = error;
      sent.destroy(error);
    };
    const giveUp = (code: string): void => stop(failure(request, connection.base, code, code));
    const abort = (): void => giveUp("EABORTED");
    const cancelTimer = clock.after(request.timeoutMs, () => giveUp("ETIMEDOUT"));
    const settle = (end: () => void): void => {
      cancelTimer();
      request.signal?.removeEventListener("abort", abort);
      end();
    };
    const fail = (error: NodeJS.ErrnoException): void =>
      settle(() => reject(reason ?? failure(request, connection.base, error.code ?? "ECONNRESET", error.message)));
    request.signal?.addEventListener("abort", abort, { once: true });
    sent.on("error", fail);
    sent.once("response", (response) => {
      const status = response.statusCode ?? 0;
      const chunks: Buffer[] = [];
      const live = onData !== undefined && status === 200;
      response.on("data", (chunk: Buffer) => {
        try {
          if (live) onData(chunk);
          else chunks.push(chunk);
        } catch (error) {
          stop(error as Error);
        }
      });
      // A body cut short ends in `error` or in `close` without `end`: never taken for a whole answer.
      response.on("error", fail);
      response.once("close", () => fail(new Error("the connection closed before the answer was whole")));
      response.once("end", () =>
        settle(() =>
          resolve({
            status,
            retryAfter: response.headers["retry-after"],
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        ),
      );
    });
    if (request.signal?.aborted) abort();
    else sendWhenConnected(sent, request, stop);
  });

/** What a transport is made of. */
export type TransportOptions = {
  connector: Connector;
  userAgent: string;
  clock: Pick<Clock, "after">;
  onAnswer?: AnswerHook;
};

/** Creates a transport. */
export const createTransport = ({ connector, userAgent, clock, onAnswer }: TransportOptions): Transport => {
  const attempt = async (request: HttpRequest, onData?: (chunk: Buffer) => void): Promise<HttpAnswer> => {
    const connection = await connector.current();
    const agent = onData ? connection.watches : connection.requests;
    const seen = (code: string): void => onAnswer?.({ method: request.method, code, host: connection.base.host });
    try {
      const answer = await exchange({ connection, agent, userAgent, clock }, request, onData);
      seen(String(answer.status));
      return answer;
    } catch (error) {
      seen("<error>");
      throw error;
    }
  };
  const withFreshSocket = (request: HttpRequest): Promise<HttpAnswer> =>
    attempt(request).catch((error: unknown) => {
      // The server may close an idle socket in the moment in which we pick it; reading again costs nothing.
      const again = request.method === "GET" && isConnectionError(error) && error.code === "ECONNRESET";
      if (!again) throw error;
      return attempt(request);
    });
  return { send: (request) => withFreshSocket(request), stream: attempt };
};
