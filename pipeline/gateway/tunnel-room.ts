import { createKeyedSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { createSharedRoom } from "#nervous-system/kernel/shared-room.ts";
import type { GatewayRefusal } from "#nervous-system/schemas/gateway-refusals.ts";
import { granted, refusedUntil, type Granted } from "#pipeline/gateway/refusal.ts";

/** What a tunnel is for: fetching the mission's repository, or an allowed host. */
export type TunnelKind = "fetch" | "egress";

/** Room of a gateway for tunnels, of which no pod and no namespace can take what the others need. */
export type TunnelRoom = {
  /** Lets a tunnel of a pod in and answers how it leaves, or refuses it until there is room. */
  enter(kind: TunnelKind, namespace: string, podUid: string): Granted<() => void>;
};

/** Tunnels of one pod at a time. A package manager opens one for each of its connections: npm up to 15. */
const maxOfPod: Readonly<Record<TunnelKind, number>> = { fetch: 8, egress: 32 };

// Half of the gateway's connections; a tunnel costs some thirty kilobytes on either side.
const MAX_TUNNELS = 2_048;
// For namespaces that have none.
const TUNNELS_APART = 16;

const RETRY_SECONDS = 5;

/** Creates the room of a gateway without tunnels. */
export const createTunnelRoom = (maxTunnels: number = MAX_TUNNELS): TunnelRoom => {
  const ofPods = { fetch: createKeyedSemaphore(maxOfPod.fetch), egress: createKeyedSemaphore(maxOfPod.egress) };
  const room = createSharedRoom({ total: maxTunnels, apart: TUNNELS_APART });
  const refuse = (status: 429 | 503, type: GatewayRefusal, message: string): Granted<never> =>
    refusedUntil(status, type, message, RETRY_SECONDS);
  return {
    enter: (kind, namespace, podUid) => {
      if (!ofPods[kind].tryAcquire(podUid, 1))
        return refuse(429, "too_many_tunnels", `at most ${maxOfPod[kind]} tunnels of one pod at a time`);
      const share = room.open(namespace, podUid);
      const leave = (): void => {
        share.leave();
        ofPods[kind].release(podUid, 1);
      };
      const holder = share.grow(1);
      if (holder === undefined) return granted(leave);
      leave();
      return holder === "all"
        ? refuse(503, "gateway_busy", "the gateway has all the tunnels it can hold")
        : refuse(429, "namespace_room_full", `the tunnels of namespace "${namespace}" hold its share of the gateway's`);
    },
  };
};
