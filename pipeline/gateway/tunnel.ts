import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { watchSilence } from "#nervous-system/kernel/silence.ts";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { dialOptions } from "#pipeline/gateway/dial.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";
import { endGently, tellClient } from "#pipeline/gateway/refuse-tunnel.ts";
import { openTls, type OpeningEnd, type Sides } from "#pipeline/gateway/tunnel-opening.ts";

/** Limits of one tunnel, milliseconds. */
export type TunnelLimits = { readonly connectMs: number; readonly idleMs: number; readonly totalMs: number };

/** How a tunnel ended: by one of its sides, or cut, and why. */
export type TunnelEnd = OpeningEnd["end"] | "silent" | "client_stopped_reading" | "target_stopped_reading" | "too_long";

/** A tunnel that is over; the message is for people, where it was cut for what its first bytes were. */
export type TunnelOver = { readonly end: TunnelEnd; readonly message?: string };

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

const joinSockets = ({ client, far }: Sides, limits: TunnelLimits, clock: Pick<Clock, "after">): Promise<TunnelEnd> =>
  new Promise((resolve) => {
    let end: TunnelEnd = "closed";
    const close = (why: TunnelEnd): void => {
      if (end === "closed") end = why;
      client.destroy();
      far.destroy();
    };
    const cancelTotal = clock.after(limits.totalMs, () => close("too_long"));
    const silence = watchSilence(clock, limits.idleMs, () => close(whySilent(client, far)));
    let open = 2;
    for (const [side, other] of [
      [client, far],
      [far, client],
    ] as const) {
      side.on("data", silence.heard);
      side.on("error", () => close("closed"));
      const onClose = (): void => {
        // What a side said before it ended still reaches the other; after anything else that would be half a message.
        if (side.readableEnded) endGently(other);
        else close("closed");
        open -= 1;
        if (open > 0) return;
        cancelTotal();
        silence.stop();
        resolve(end);
      };
      // One that is gone already has told so.
      if (side.closed) setImmediate(onClose);
      else side.once("close", onClose);
    }
    client.pipe(far);
    far.pipe(client);
  });

/** Opens a tunnel to a resolved target and resolves when it is over; a refusal is not told yet. */
export const runTunnel = async (
  client: Duplex,
  head: Buffer,
  target: ResolvedTarget,
  { clock, ...limits }: TunnelLimits & { readonly clock: Pick<Clock, "after"> },
): Promise<Granted<TunnelOver>> => {
  const dialled = await dial(target, limits.connectMs, clock);
  if (dialled.kind === "refused") return dialled;
  const far = dialled.value;
  // Whatever breaks closes, and that is heard of.
  for (const side of [client, far]) side.on("error", () => undefined);
  if (head.length > 0 && !client.destroyed) client.unshift(head);
  if (!client.destroyed) client.write("HTTP/1.1 200 Connection established\r\n\r\n");
  const sides = { client, far, target };
  const cut = await openTls(sides, clock);
  if (cut === undefined) return granted({ end: await joinSockets(sides, limits, clock) });
  far.destroy();
  tellClient(client, cut, clock);
  return granted(cut);
};
