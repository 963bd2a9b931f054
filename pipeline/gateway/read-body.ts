import type { IncomingMessage } from "node:http";
import { gatherBytes } from "#nervous-system/kernel/gathered-bytes.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** Reads a whole request body of at most `maxBytes`; rejects only when the client breaks off. */
export const readBody = async (request: IncomingMessage, maxBytes: number): Promise<Granted<Buffer>> => {
  const tooLarge = refused(413, "body_too_large", `the body is larger than ${maxBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLarge;
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity")
    return refused(415, "encoding_not_supported", `send the body without content-encoding, not "${encoding}"`);
  const gathered = gatherBytes();
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (gathered.size + chunk.length > maxBytes) return tooLarge;
    gathered.add(chunk);
  }
  return granted(gathered.take());
};
