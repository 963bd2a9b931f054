import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";
import { expectMessages } from "./pieces.ts";
import { unfoldMessages } from "./unfold.ts";

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
  /** A message was unpacked, has this many bytes, and is in its handler's hands. */
  unpacked(bytes: number): void;
  /** Nothing more will come. */
  arrived(): void;
  /** The call is over: it holds nothing any more. */
  over(): void;
};

const over = new GrpcFailure(grpcStatus.cancelled, "the call is over");

/** What one call holds of a share: what comes, and what has unfolded of it until a handler has done with it. */
class Holding {
  private readonly share: MessageShare;
  private held = 0;
  private isOver = false;

  constructor(share: MessageShare) {
    this.share = share;
  }

  grow(bytes: number): GrpcFailure | undefined {
    if (this.isOver) return over;
    const refusal = this.share.grow(bytes);
    if (refusal === undefined) this.held += bytes;
    return refusal;
  }

  shrink(bytes: number): void {
    if (this.isOver || bytes <= 0) return;
    this.share.shrink(bytes);
    this.held -= bytes;
  }

  shrinkTo(bytes: number): void {
    this.shrink(this.held - bytes);
  }

  leave(): void {
    this.isOver = true;
    this.share.leave();
  }
}

/** What each message unfolded to, in their order: of a stream the handler has one while the next comes. */
const chargeUnfolding = (call: object, holding: Holding, messageBytes: number): (() => void) => {
  const unfolding: Array<{ bytes: number }> = [];
  let handled = 0;
  unfoldMessages(call, messageBytes, () => {
    const message = { bytes: 0 };
    unfolding.push(message);
    return (bytes) => {
      const refusal = holding.grow(bytes);
      if (refusal === undefined) message.bytes += bytes;
      return refusal;
    };
  });
  return () => {
    holding.shrink(handled);
    handled = unfolding.shift()?.bytes ?? 0;
  };
};

/**
 * Has the messages of a call take of a share what they will be before they have come, and has one message come in time. What is
 * packed takes what it says to be while it comes, and then what it unfolds to, as it does.
 */
export const chargeMessages = (
  call: ServerInterceptingCallInterface,
  share: MessageShare,
  { streams, messageBytes }: MessageKind,
  clock: Pick<Clock, "after">,
): Charged => {
  const holding = new Holding(share);
  let expected = 0;
  expectMessages(call, (bytes) => {
    // Of a stream the next one comes while the one before is worked on.
    const needed = (streams ? 2 : 1) * bytes;
    const refusal = needed > expected ? holding.grow(needed - expected) : undefined;
    if (refusal !== undefined) call.sendStatus(renderStatus(refusal));
    else expected = Math.max(expected, needed);
    return refusal === undefined;
  });
  const handOver = chargeUnfolding(call, holding, messageBytes);
  // A stream's messages are of one size, mostly.
  if (streams) return { unpacked: handOver, arrived: () => undefined, over: () => holding.leave() };
  const late = `the request did not arrive within ${MESSAGE_MS} ms`;
  const cancel = clock.after(MESSAGE_MS, () =>
    call.sendStatus(renderStatus(new GrpcFailure(grpcStatus.deadlineExceeded, late))),
  );
  return {
    unpacked: (bytes) => holding.shrinkTo(bytes),
    arrived: cancel,
    over: () => {
      cancel();
      holding.leave();
    },
  };
};
