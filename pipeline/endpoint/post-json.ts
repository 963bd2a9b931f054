import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";

/** A request of JSON, and what its answer may take. */
export type JsonPost = {
  readonly url: URL;
  /** The CA that alone the server's certificate may come from, PEM; the public ones without it. */
  readonly caPem?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
};

/** A whole answer, whatever its status. */
export type JsonAnswer = {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
};

const readAll = async (response: IncomingMessage, maxBytes: number): Promise<string> => {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
  }
  return Buffer.concat(pieces).toString("utf8");
};

/** Sends JSON and reads the answer; rejects where there is no whole answer, and with the signal's reason. */
export const postJson = async ({ url, caPem, headers, body, maxBytes, signal }: JsonPost): Promise<JsonAnswer> => {
  const bytes = Buffer.from(JSON.stringify(body));
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const options = {
    method: "POST",
    headers: { ...headers, "content-type": "application/json", "content-length": bytes.length },
    signal,
  };
  const request =
    url.protocol === "https:"
      ? httpsRequest(url, { ...options, ...(caPem === undefined ? {} : { ca: caPem }) }, resolve)
      : httpRequest(url, options, resolve);
  request.on("error", reject);
  request.end(bytes);
  try {
    const response = await promise;
    const text = await readAll(response, maxBytes);
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  } catch (error) {
    request.destroy();
    signal.throwIfAborted();
    throw error;
  }
};
