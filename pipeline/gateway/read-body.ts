import type { IncomingMessage } from "node:http";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** Reads a whole request body of at most `maxBytes`; rejects only when the client breaks off. */
export const readBody = async (request: IncomingMessage, maxBytes: number): Promise<Granted<Buffer>> => {
  const tooLarge = refused(413, "body_too_large", `the body is larger than ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLarge;
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    return refused(415, "encoding_not_supported", `send the body without content-encoding, not "${encoding}"`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return tooLarge;
    chunks.push(chunk);
  }
  return granted(Buffer.concat(chunks));
};
