import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";
import { expectMessages } from "./pieces.ts";

/** What the messages of one call take of the room that its sender shares with others. */
export type MessageShare = {
  /** Takes room for bytes, or answers what the call is refused with. */
  grow(bytes: number): GrpcFailure | undefined;
  /** Gives bytes back. */
  shrink(bytes: number): void;
  /** Gives everything back. */
  leave(): void;
};

/** What a call is, as far as its messages count. */
export type MessageKind = { readonly streams: boolean; readonly messageBytes: number };

// Of one message; how long a stream may take, its handler knows.
const MESSAGE_MS = 30_000;

/** What is told how a call goes on. */
type Charged = {
  /** A message was unpacked, and has this many bytes. */
  unpacked(bytes: number): void;
  /** Nothing more will come, or the call has ended. */
  arrived(): void;
};

/**
 * Has the messages of a call take of a share what they will be before they have come, and has one message come in time. What is
 * packed may unfold to as much as a message may be, and counts as that until it has.
 */
export const chargeMessages = (
  call: ServerInterceptingCallInterface,
  share: MessageShare,
  { streams, messageBytes }: MessageKind,
  clock: Pick<Clock, "after">,
): Charged => {
  let held = 0;
  expectMessages(call, (bytes, isPacked) => {
    // Of a stream the next one comes while the one before is worked on.
    const needed = (streams ? 2 : 1) * (isPacked ? messageBytes : bytes);
    const refusal = needed > held ? share.grow(needed - held) : undefined;
    if (refusal !== undefined) call.sendStatus(renderStatus(refusal));
    else held = Math.max(held, needed);
    return refusal === undefined;
  });
  // A stream's messages are of one size, mostly.
  if (streams) return { unpacked: () => undefined, arrived: () => undefined };
  const late = `the request did not arrive within ${MESSAGE_MS} ms`;
  const cancel = clock.after(MESSAGE_MS, () =>
    call.sendStatus(renderStatus(new GrpcFailure(grpcStatus.deadlineExceeded, late))),
  );
  const unpacked = (bytes: number): void => {
    if (bytes < held) share.shrink(held - bytes);
    held = Math.min(held, bytes);
  };
  return { unpacked, arrived: cancel };
};
