import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { describeFailure } from "#pipeline/gateway/connect-failure.ts";
import { dialOptions } from "#pipeline/gateway/dial.ts";

/** One request to a provider. */
export type UpstreamRequest = {
  readonly url: URL;
  /** Where the URL's host was found to be; nothing is resolved again. */
  readonly target: ResolvedTarget;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  /** The key among the headers, which the answer must not tell. */
  readonly apiKey?: string | undefined;
  readonly body?: Buffer;
  /** Every trusted CA, PEM; the machine's own without it. */
  readonly ca?: readonly string[] | undefined;
  /** Until the answer's first byte, milliseconds. */
  readonly answerWithinMs: number;
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, "after">;
};

type Failed = {
  readonly kind: "failed";
  readonly why: "silent" | "aborted" | "unreachable";
  readonly message: string;
};

/** The answer as it begins, or why there is none. */
export type UpstreamAnswer = { readonly kind: "answered"; readonly response: IncomingMessage } | Failed;

const connectWithinMs = 10_000;

const unreachable = (message: string): Failed => ({ kind: "failed", why: "unreachable", message });

const open = (request: UpstreamRequest): http.ClientRequest => {
  const { url, target } = request;
  const options: https.RequestOptions = {
    ...dialOptions(target, connectWithinMs),
    path: url.pathname,
    method: request.method,
    headers: {
      ...request.headers,
      host: url.host,
      ...(request.body === undefined ? {} : { "content-length": String(request.body.length) }),
    },
    // A socket of its own for each call: a pooled one that the provider just closed would fail a call that cannot be repeated.
    agent: false,
  };
  if (url.protocol === "http:") return http.request(options);
  const servername = isIP(target.host) === 0 ? { servername: target.host } : {};
  return https.request({ ...options, ...servername, ...(request.ca === undefined ? {} : { ca: [...request.ca] }) });
};

/** Sends a request and answers when the provider begins to; it follows no redirect and never rejects. */
export const askUpstream = (request: UpstreamRequest): Promise<UpstreamAnswer> =>
  new Promise<UpstreamAnswer>((resolve) => {
    const sent = open(request);
    const { origin } = request.url;
    let stopped: Failed | undefined;
    const stop = (why: Failed["why"], message: string): void => {
      stopped ??= { kind: "failed", why, message };
      sent.destroy(new Error(message));
    };
    const cancelConnect = request.clock.after(connectWithinMs, () =>
      stop("unreachable", `${origin} could not be reached: no connection within ${connectWithinMs} ms`),
    );
    const cancelAnswer = request.clock.after(request.answerWithinMs, () =>
      stop("silent", `${origin} gave no answer within ${request.answerWithinMs} ms`),
    );
    // Stays until the answer has ended: an abort then ends the answer too.
    const onAbort = (): void => stop("aborted", `the client went away before ${origin} answered`);
    request.signal.addEventListener("abort", onAbort, { once: true });
    sent.on("socket", (socket) => {
      socket.once(request.url.protocol === "https:" ? "secureConnect" : "connect", cancelConnect);
    });
    const settle = (answer: UpstreamAnswer): void => {
      cancelConnect();
      cancelAnswer();
      resolve(answer);
    };
    sent.on("error", (error: NodeJS.ErrnoException) => {
      request.signal.removeEventListener("abort", onAbort);
      settle(stopped ?? unreachable(describeFailure(request.url, error)));
    });
    sent.on("close", () => {
      request.signal.removeEventListener("abort", onAbort);
      // Node closes without an error where the answer changes the protocol (101).
      settle(stopped ?? unreachable(`${origin} closed without an answer`));
    });
    sent.once("response", (response) => settle({ kind: "answered", response }));
    if (request.signal.aborted) onAbort();
    else sent.end(request.body);
    // A header that cannot be sent, such as a key of several lines; Node's words do not hold its value.
  }).catch((error: unknown) => unreachable(describeFailure(request.url, error as NodeJS.ErrnoException)));
