import { connect } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Endpoint } from "#nervous-system/kernel/endpoint.ts";

/** How long a connection may take, in milliseconds: within a cluster it is there at once, and nothing that starts waits longer. */
const connectMs = 500;
const pauseMs = 500;
/** How long a network plugin may take until it knows a new pod, in milliseconds. */
const pluginMs = 10_000;

type Clocks = Pick<Clock, "monotonicMs" | "sleep" | "after">;

/** What a pod that tries it finds of its NetworkPolicy; `unknown` where nothing answers, so that silence proves nothing. */
export type Confinement = "confined" | "unconfined" | "unknown";

/** Two ports of one server, of which the pod's NetworkPolicy names one. */
export type Trial = {
  readonly allowed: Endpoint;
  readonly forbidden: Endpoint;
  /** How long the server may be silent at both, in milliseconds. */
  readonly silenceMs: number;
};

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

/** The server must answer before and after it did not: it may start, or stop, at any moment. */
const look = async ({ allowed, forbidden }: Trial, clock: Clocks): Promise<Confinement> => {
  const wasThere = await connects(allowed, clock);
  if (await connects(forbidden, clock)) return "unconfined";
  return wasThere && (await connects(allowed, clock)) ? "confined" : "unknown";
};

/**
 * Whether somebody enforces this pod's NetworkPolicy: not every network plugin does, and the API server takes the policy all the
 * same. It is tried until it is confined, or for as long as a plugin, or a silent server, may take.
 */
export const tryConfinement = async (trial: Trial, clock: Clocks): Promise<Confinement> => {
  const beginMs = clock.monotonicMs();
  const patienceMs = { unconfined: pluginMs, unknown: trial.silenceMs };
  for (;;) {
    const found = await look(trial, clock);
    if (found === "confined" || clock.monotonicMs() - beginMs >= patienceMs[found]) return found;
    await clock.sleep(pauseMs);
  }
};
