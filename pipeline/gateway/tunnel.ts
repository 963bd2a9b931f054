import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { watchSilence } from "#nervous-system/kernel/silence.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { dialOptions } from "#pipeline/gateway/dial.ts";
import { granted, refused, renderRefusal, type Granted, type Refusal } from "#pipeline/gateway/refusal.ts";

/** Limits of one tunnel, milliseconds. */
export type TunnelLimits = { readonly connectMs: number; readonly idleMs: number; readonly totalMs: number };

/** How a tunnel ended: by one of its sides, or cut, and why. */
export type TunnelEnd = "closed" | "silent" | "client_stopped_reading" | "target_stopped_reading" | "too_long";

const statusText: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  429: "Too Many Requests",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

const endGently = (socket: Duplex): void => {
  if (socket.writableFinished) return void socket.destroy();
  socket.once("finish", () => socket.destroy());
  socket.end();
};

// For a refusal of a few hundred bytes to go out.
const REFUSAL_MS = 5_000;

/** Tells a client that asked for a tunnel why it gets none, and closes, whatever the client does. */
export const refuseTunnel = (client: Duplex, refusal: Refusal, clock: Pick<Clock, "after">): void => {
  const { status, headers, body } = renderRefusal(refusal);
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}`);
  const cancel = clock.after(REFUSAL_MS, () => client.destroy());
  client.once("close", cancel);
  client.write([`HTTP/1.1 ${status} ${statusText[status] ?? "Refused"}`, ...lines, "", body].join("\r\n"));
  endGently(client);
};

const dial = (target: ResolvedTarget, connectMs: number, clock: Pick<Clock, "after">): Promise<Granted<Socket>> =>
  new Promise((resolve) => {
    const socket = connect(dialOptions(target, connectMs));
    const fail = (why: string): void => {
      socket.destroy();
      resolve(refused(502, "target_unreachable", `${target.host}:${target.port}: ${why}`));
    };
    const cancel = clock.after(connectMs, () => fail(`no connection within ${connectMs} ms`));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      cancel();
      fail(error.code ?? error.message);
    });
    socket.once("connect", () => {
      cancel();
      socket.removeAllListeners("error");
      resolve(granted(socket));
    });
  });

/** Who keeps a tunnel silent: a side that does not take what it is sent, or nobody has anything to say. */
const whySilent = (client: Duplex, target: Socket): TunnelEnd => {
  if (client.writableLength > 0) return "client_stopped_reading";
  return target.writableLength > 0 ? "target_stopped_reading" : "silent";
};

const joinSockets = (
  client: Duplex,
  target: Socket,
  limits: TunnelLimits,
  clock: Pick<Clock, "after">,
): Promise<TunnelEnd> =>
  new Promise((resolve) => {
    let end: TunnelEnd = "closed";
    const close = (why: TunnelEnd): void => {
      if (end === "closed") end = why;
      client.destroy();
      target.destroy();
    };
    const cancelTotal = clock.after(limits.totalMs, () => close("too_long"));
    const silence = watchSilence(clock, limits.idleMs, () => close(whySilent(client, target)));
    let open = 2;
    for (const [side, other] of [
      [client, target],
      [target, client],
    ] as const) {
      side.on("data", silence.heard);
      side.on("error", () => close("closed"));
      side.once("close", () => {
        // What a side said before it ended still reaches the other; after anything else that would be half a message.
        if (side.readableEnded) endGently(other);
        else close("closed");
        open -= 1;
        if (open > 0) return;
        cancelTotal();
        silence.stop();
        resolve(end);
      });
    }
    client.pipe(target);
    target.pipe(client);
  });

/** Opens a tunnel to a resolved target and resolves when it is over; a refusal is not told yet. */
export const runTunnel = async (
  client: Duplex,
  head: Buffer,
  target: ResolvedTarget,
  { clock, ...limits }: TunnelLimits & { readonly clock: Pick<Clock, "after"> },
): Promise<Granted<TunnelEnd>> => {
  const dialled = await dial(target, limits.connectMs, clock);
  if (dialled.kind === "refused") return dialled;
  const far = dialled.value;
  if (client.destroyed) {
    far.destroy();
    return granted("closed");
  }
  client.write("HTTP/1.1 200 Connection established\r\n\r\n");
  if (head.length > 0) far.write(head);
  return granted(await joinSockets(client, far, limits, clock));
};
