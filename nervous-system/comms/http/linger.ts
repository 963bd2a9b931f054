import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { watchSilence } from "#nervous-system/kernel/silence.ts";

// How long a refused sender may be silent, and how long it may take for the rest of its body.
const SILENCE_MS = 2_000;
const LINGER_MS = 30_000;

/**
 * Ends an answer that did not wait for its request: when the rest of that has come, or when no more comes. A socket closed over
 * bytes that nobody read is reset, the reset overtakes the answer, and the sender, none the wiser, sends the same again.
 */
export const endAfterRequest = (
  request: IncomingMessage,
  response: ServerResponse,
  body: string | Buffer,
  clock: Pick<Clock, "after">,
): void => {
  if (request.readableEnded) return void response.end(body);
  response.write(body);
  const cut = (): void => void response.destroy();
  const cancelLast = clock.after(LINGER_MS, cut);
  const silence = watchSilence(clock, SILENCE_MS, cut);
  request.once("close", () => {
    cancelLast();
    silence.stop();
  });
  request.once("end", () => response.end());
  request.once("error", cut);
  request.on("data", silence.heard);
  // One that was taken out of a pipe stands still until it is told.
  request.resume();
};
