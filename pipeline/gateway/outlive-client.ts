import type { ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";

// Most answers have come by then. One that goes on is cut: it costs as long as it lasts, and holds a call of its agent.
const READ_ON_MS = 30_000;

/** What ends a call whose client went away before its answer was complete. */
export type Outliving = {
  /** Aborts some time after the client went, or at once where the gateway stops. */
  readonly signal: AbortSignal;
  /** Ends the watch on the client. */
  release(): void;
};

/** Lets a call go on for a while without its client, since its provider counts tokens at the end. */
export const outliveClient = (
  client: ServerResponse,
  { clock, closing }: { readonly clock: Pick<Clock, "after">; readonly closing: AbortSignal },
): Outliving => {
  const abort = new AbortController();
  let cancel = (): void => undefined;
  const end = (): void => abort.abort(new Error("the client went away"));
  const onClose = (): void => {
    if (client.writableFinished) return;
    if (closing.aborted) return end();
    cancel = clock.after(READ_ON_MS, end);
    closing.addEventListener("abort", end, { once: true });
  };
  client.once("close", onClose);
  if (client.destroyed) onClose();
  const release = (): void => {
    client.off("close", onClose);
    closing.removeEventListener("abort", end);
    cancel();
  };
  return { signal: abort.signal, release };
};
