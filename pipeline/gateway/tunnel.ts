import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { dialOptions } from "#pipeline/gateway/dial.ts";
import { renderRefusal, type Refusal } from "#pipeline/gateway/refusal.ts";

/** Limits of one tunnel, milliseconds. */
export type TunnelLimits = { readonly connectMs: number; readonly idleMs: number; readonly totalMs: number };

const statusText: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  429: "Too Many Requests",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** Tells a client that asked for a tunnel why it gets none, and closes. */
export const refuseTunnel = (client: Duplex, refusal: Refusal): void => {
  const { status, headers, body } = renderRefusal(refusal);
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}`);
  client.end([`HTTP/1.1 ${status} ${statusText[status] ?? "Refused"}`, ...lines, "", body].join("\r\n"));
};

const dial = (target: ResolvedTarget, connectMs: number, clock: Pick<Clock, "after">): Promise<Socket | Refusal> =>
  new Promise((resolve) => {
    const socket = connect(dialOptions(target, connectMs));
    const fail = (why: string): void => {
      socket.destroy();
      resolve({ status: 502, type: "target_unreachable", message: `${target.host}:${target.port}: ${why}` });
    };
    const cancel = clock.after(connectMs, () => fail(`no connection within ${connectMs} ms`));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      cancel();
      fail(error.code ?? error.message);
    });
    socket.once("connect", () => {
      cancel();
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });

const endGently = (socket: Duplex): void => {
  if (socket.writableFinished) return void socket.destroy();
  socket.once("finish", () => socket.destroy());
  socket.end();
};

const joinSockets = (
  client: Duplex,
  target: Socket,
  limits: TunnelLimits,
  clock: Pick<Clock, "after">,
): Promise<void> =>
  new Promise((resolve) => {
    const close = (): void => {
      client.destroy();
      target.destroy();
    };
    const cancelTotal = clock.after(limits.totalMs, close);
    let cancelIdle = clock.after(limits.idleMs, close);
    const touch = (): void => {
      cancelIdle();
      cancelIdle = clock.after(limits.idleMs, close);
    };
    let open = 2;
    for (const [side, other] of [
      [client, target],
      [target, client],
    ] as const) {
      side.on("data", touch);
      side.on("error", close);
      side.once("close", () => {
        // What a side said before it ended still reaches the other; after anything else that would be half a message.
        if (side.readableEnded) endGently(other);
        else close();
        open -= 1;
        if (open > 0) return;
        cancelTotal();
        cancelIdle();
        resolve();
      });
    }
    client.pipe(target);
    target.pipe(client);
  });

/** Opens a tunnel to a resolved target and resolves when it is over; a refusal is told to the client and answered. */
export const runTunnel = async (
  client: Duplex,
  head: Buffer,
  target: ResolvedTarget,
  { clock, ...limits }: TunnelLimits & { readonly clock: Pick<Clock, "after"> },
): Promise<Refusal | undefined> => {
  const dialled = await dial(target, limits.connectMs, clock);
  if ("status" in dialled) {
    refuseTunnel(client, dialled);
    return dialled;
  }
  if (client.destroyed) {
    dialled.destroy();
    return undefined;
  }
  client.write("HTTP/1.1 200 Connection established\r\n\r\n");
  if (head.length > 0) dialled.write(head);
  await joinSockets(client, dialled, limits, clock);
  return undefined;
};
