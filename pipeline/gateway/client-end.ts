import type { ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";

/** What became of what was written to a client. */
export type Written = "taken" | "unread" | "gone";

// One write is some ten kilobytes beyond what the sockets hold: whoever reads at all has taken it by then.
const READ_MS = 60_000;

type Waiting = Pick<Clock, "after">;

const heard = (client: ServerResponse, event: "drain" | "finish", clock: Waiting): Promise<Written> =>
  new Promise((resolve) => {
    if (client.destroyed) return resolve("gone");
    const settle = (written: Written): void => {
      cancel();
      client.off(event, taken);
      client.off("close", gone);
      resolve(written);
    };
    const taken = (): void => settle("taken");
    const gone = (): void => settle("gone");
    const cancel = clock.after(READ_MS, () => settle("unread"));
    client.once(event, taken);
    client.once("close", gone);
  });

/** Writes to a client and resolves when it wants more; `unread` where it has not read for a minute. */
export const writeToClient = async (client: ServerResponse, bytes: Buffer, clock: Waiting): Promise<Written> => {
  if (client.destroyed) return "gone";
  return bytes.length === 0 || client.write(bytes) ? "taken" : heard(client, "drain", clock);
};

/** Ends a client's answer and resolves when all of it has gone out; a client that does not read it is cut. */
export const endClient = async (client: ServerResponse, bytes: Buffer | string, clock: Waiting): Promise<Written> => {
  client.end(bytes);
  const written = client.writableFinished ? "taken" : await heard(client, "finish", clock);
  if (written === "unread") client.destroy();
  return written;
};

/** What a client that did not take its answer is said to have done. */
export const unreadMessage = `the client stopped reading the answer: nothing more was taken for ${READ_MS} ms`;
