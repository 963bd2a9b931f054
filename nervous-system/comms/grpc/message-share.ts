import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";
import { expectMessages } from "./pieces.ts";

/** What the messages of one call take of the room that its sender shares with others. */
export type MessageShare = {
  /** Takes room for bytes, or answers what the call is refused with. */
  grow(bytes: number): GrpcFailure | undefined;
  /** Gives everything back. */
  leave(): void;
};

/** What a call is, as far as its messages count. */
export type MessageKind = { readonly streams: boolean; readonly messageBytes: number };

// Of one message; how long a stream may take, its handler knows.
const MESSAGE_MS = 30_000;

/**
 * Has the messages of a call take of a share what they will be before they have come, and has one message come in time. Answers
 * what is told when all of it has come.
 */
export const chargeMessages = (
  call: ServerInterceptingCallInterface,
  share: MessageShare,
  { streams, messageBytes }: MessageKind,
  clock: Pick<Clock, "after">,
): (() => void) => {
  let held = 0;
  expectMessages(call, (bytes, isPacked) => {
    // Of a stream the next one comes while the one before is worked on; what is packed may unfold to as much as a message may be.
    const needed = (streams ? 2 : 1) * (isPacked ? messageBytes : bytes);
    const refusal = needed > held ? share.grow(needed - held) : undefined;
    if (refusal !== undefined) call.sendStatus(renderStatus(refusal));
    else held = Math.max(held, needed);
    return refusal === undefined;
  });
  if (streams) return () => undefined;
  const late = `the request did not arrive within ${MESSAGE_MS} ms`;
  return clock.after(MESSAGE_MS, () =>
    call.sendStatus(renderStatus(new GrpcFailure(grpcStatus.deadlineExceeded, late))),
  );
};
