import { connect } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";

/** How long a connection may take, in milliseconds: within a cluster it is there at once, and nothing that starts waits longer. */
const connectMs = 500;
const pauseMs = 500;
/** How long a network plugin may take until it knows a new pod, in milliseconds. */
const patienceMs = 10_000;

type Clocks = Pick<Clock, "monotonicMs" | "sleep" | "after">;

const connects = ({ host, port }: Endpoint, clock: Clocks): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port });
    const cancel = clock.after(connectMs, () => end(false));
    const end = (isOpen: boolean): void => {
      cancel();
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => end(true));
    socket.on("error", () => end(false));
  });

/**
 * Whether this pod reaches a place that its NetworkPolicy does not name, and so nobody enforces the policy: not every network
 * plugin does, and the API server takes the policy all the same. A place that does not answer proves nothing, and counts as closed.
 */
export const isUnconfined = async (place: Endpoint, clock: Clocks): Promise<boolean> => {
  const untilMs = clock.monotonicMs() + patienceMs;
  while (await connects(place, clock)) {
    if (clock.monotonicMs() >= untilMs) return true;
    await clock.sleep(pauseMs);
  }
  return false;
};
