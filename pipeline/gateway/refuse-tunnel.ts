import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { renderRefusal, type Refusal } from "#pipeline/gateway/refusal.ts";
import type { OpeningEnd } from "#pipeline/gateway/tunnel-opening.ts";

const statusText: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  429: "Too Many Requests",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** Closes a side once what was written to it has gone out. */
export const endGently = (socket: Duplex): void => {
  if (socket.writableFinished) return void socket.destroy();
  socket.once("finish", () => socket.destroy());
  socket.end();
};

// For a refusal of a few hundred bytes to go out.
const REFUSAL_MS = 5_000;

const writeAndClose = (client: Duplex, words: string | Buffer, clock: Pick<Clock, "after">): void => {
  if (client.destroyed) return;
  const cancel = clock.after(REFUSAL_MS, () => client.destroy());
  client.once("close", cancel);
  client.write(words);
  endGently(client);
};

/** Tells a client that asked for a tunnel why it gets none, and closes, whatever the client does. */
export const refuseTunnel = (client: Duplex, refusal: Refusal, clock: Pick<Clock, "after">): void => {
  const { status, headers, body } = renderRefusal(refusal);
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}`);
  const head = `HTTP/1.1 ${status} ${statusText[status] ?? "Refused"}`;
  writeAndClose(client, [head, ...lines, "", body].join("\r\n"), clock);
};

const UNRECOGNIZED_NAME = 112;
const HANDSHAKE_FAILURE = 40;

/** A fatal alert as TLS writes it before anything is encrypted (RFC 8446, 6): the one word that a TLS client understands. */
const fatalAlert = (description: number): Buffer => Buffer.from([21, 3, 3, 0, 2, 2, description]);

/** Tells a client why its tunnel is cut before it began, in the protocol that it speaks, and closes. */
export const tellClient = (client: Duplex, { end, message }: OpeningEnd, clock: Pick<Clock, "after">): void => {
  if (end === "closed") return void client.destroy();
  if (end === "not_tls" || end === "no_hello")
    return refuseTunnel(client, { status: 403, type: "not_tls", message }, clock);
  writeAndClose(client, fatalAlert(end === "wrong_name" ? UNRECOGNIZED_NAME : HANDSHAKE_FAILURE), clock);
};
