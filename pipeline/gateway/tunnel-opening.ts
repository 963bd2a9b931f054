import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { createHelloReader, type Hello } from "#pipeline/gateway/client-hello.ts";
import { takeFirst } from "#pipeline/gateway/take-first.ts";

/** How a tunnel ended before more than a ClientHello had gone through it, and why. */
export type OpeningEnd = {
  readonly end: "closed" | "no_hello" | "not_tls" | "wrong_name" | "target_not_tls";
  readonly message: string;
};

// A handshake takes a few round trips. Who connects ahead of time does it ahead of time, too.
const FIRST_BYTES_MS = 20_000;

const plain = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/** What is wrong with a client's first bytes, for the host that its tunnel was asked for; undefined for nothing. */
const judgeHello = (hello: Hello, host: string): OpeningEnd | undefined => {
  if (hello.kind === "not_tls")
    return { end: "not_tls", message: `${hello.why}; tunnels carry TLS and nothing else, at whatever port` };
  const { name } = hello;
  // An address is not named (RFC 6066, 3), a name is always.
  if (name === undefined ? isIP(host) !== 0 : plain(name) === plain(host)) return undefined;
  const named = name === undefined ? "no host (SNI)" : JSON.stringify(name.slice(0, 255));
  return { end: "wrong_name", message: `the ClientHello names ${named}, and the tunnel is to "${host}"` };
};

const ALERT = 21;
const HANDSHAKE = 22;

const beginsTls = (type: number | undefined, major: number | undefined): boolean =>
  (type === HANDSHAKE || type === ALERT) && major === 3;

/** The two sides of a tunnel, and what the client asked for. */
export type Sides = { readonly client: Duplex; readonly far: Socket; readonly target: ResolvedTarget };

/** Passes the client's hello on if it is one for the tunnel's host, and nothing behind it. */
const passHello = async (
  { client, far, target }: Sides,
  clock: Pick<Clock, "after">,
): Promise<OpeningEnd | undefined> => {
  const reader = createHelloReader();
  const first = await takeFirst(client, { other: far, withinMs: FIRST_BYTES_MS, clock }, (bytes) => {
    const taken = reader.take(bytes);
    return taken && { value: taken.hello, used: taken.used };
  });
  if (first === "late") return { end: "no_hello", message: `no ClientHello came within ${FIRST_BYTES_MS} ms` };
  if (first === "closed") return { end: "closed", message: "a side closed before the ClientHello" };
  const wrong = judgeHello(first.value, target.host);
  if (wrong === undefined) far.write(first.bytes);
  return wrong;
};

/** Passes the far side's first bytes on if they are TLS: what does not speak it has got a hello, and gets nothing more. */
const passAnswer = async (
  { client, far, target }: Sides,
  clock: Pick<Clock, "after">,
): Promise<OpeningEnd | undefined> => {
  const place = `${target.host}:${target.port}`;
  const start: number[] = [];
  const first = await takeFirst(far, { other: client, withinMs: FIRST_BYTES_MS, clock }, (bytes) => {
    start.push(...bytes.subarray(0, 2));
    return start.length < 2 ? undefined : { value: beginsTls(start[0], start[1]), used: bytes.length };
  });
  if (first === "late")
    return { end: "target_not_tls", message: `${place} did not answer the ClientHello within ${FIRST_BYTES_MS} ms` };
  if (first === "closed") return { end: "closed", message: "a side closed before the handshake" };
  if (!first.value) return { end: "target_not_tls", message: `${place} speaks no TLS; tunnels carry nothing else` };
  client.write(first.bytes);
  return undefined;
};

/**
 * Lets both sides begin with TLS, the client's for the host that it asked for; answers how the tunnel ended where they do not. What
 * follows is not looked at: it is encrypted.
 */
export const openTls = async (sides: Sides, clock: Pick<Clock, "after">): Promise<OpeningEnd | undefined> =>
  (await passHello(sides, clock)) ?? passAnswer(sides, clock);
