import http from "node:http";
import https from "node:https";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";

/** What a fetch for forges is made of. */
export type ForgeFetchOptions = {
  /** Every trusted CA, PEM; the machine's own without it. */
  readonly ca?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly clock: Pick<Clock, "after">;
};

/** The part of the web's fetch that Octokit uses. */
export type ForgeFetch = (
  url: string,
  init?: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string },
) => Promise<Response>;

const maxAnswerBytes = 16 * 1024 * 1024;

const readAnswer = async (answer: http.IncomingMessage): Promise<Buffer> => {
  const gathered = gatherBytes();
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    gathered.add(chunk);
    if (gathered.size > maxAnswerBytes) throw new Error(`the forge's answer is longer than ${maxAnswerBytes} bytes`);
  }
  return gathered.take();
};

const headersOf = (answer: http.IncomingMessage): Headers => {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) headers.append(name, one);
  return headers;
};

const withoutBody = new Set([204, 205, 304]);

const toResponse = async (answer: http.IncomingMessage): Promise<Response> => {
  const status = answer.statusCode ?? 0;
  const body = await readAnswer(answer);
  const init = { status, statusText: answer.statusMessage ?? "", headers: headersOf(answer) };
  return new Response(withoutBody.has(status) ? null : new Uint8Array(body), init);
};

/**
 * A fetch that trusts a further CA and answers a redirect as it is, because a credential must not follow one to another host; the web's
 * own takes no CA without a package of its own.
 */
export const createForgeFetch =
  ({ ca, timeoutMs, clock }: ForgeFetchOptions): ForgeFetch =>
  async (url, init = {}) => {
    const target = new URL(url);
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const options = { method: init.method ?? "GET", headers: { ...init.headers }, agent: false as const };
    const trust = ca === undefined ? {} : { ca: [...ca] };
    const sent =
      target.protocol === "http:" ? http.request(target, options) : https.request(target, { ...options, ...trust });
    const giveUp = (): unknown => sent.destroy(new Error(`${target.origin} gave no answer in ${timeoutMs} ms`));
    const cancel = clock.after(timeoutMs, giveUp);
    sent.once("response", resolve);
    sent.on("error", reject);
    // Node closes without an error where the answer changes the protocol (101).
    sent.once("close", () => reject(new Error(`${target.origin} closed without an answer`)));
    sent.end(init.body);
    try {
      return await toResponse(await promise);
    } finally {
      cancel();
    }
  };
