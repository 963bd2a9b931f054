import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Semaphore } from "#nervous-system/kernel/semaphore.ts";
import { GrpcFailure, grpcStatus, renderStatus } from "./failure.ts";

/** What all calls of a server, on however many connections, may hold at once, and how long a request may take to arrive. */
export type CallRoom = {
  /** Bytes; others may take of it too. */
  readonly bytes: Pick<Semaphore, "tryAcquire" | "release">;
  /** For a request of one message; how long a stream may take, its handler knows. */
  readonly withinMs: number;
};

// A piece of an answer that its caller does not read, here and on its way from where it comes.
const ANSWER_BYTES = 512 * 1024;
const RETRY_MS = 1000;
const full = renderStatus(
  new GrpcFailure(grpcStatus.unavailable, "there is no room for more calls at the moment", RETRY_MS),
);
const late = (withinMs: number): ReturnType<typeof renderStatus> =>
  renderStatus(new GrpcFailure(grpcStatus.deadlineExceeded, `the request did not arrive within ${withinMs} ms`));

/**
 * What one call holds: a message of the largest size until its own is there, since nobody knows what comes, and then as much as
 * it is, until the call has ended and whatever answers it is done with it.
 */
class Holding {
  private readonly room: CallRoom["bytes"];
  private held = 0;
  private isClosed = false;
  private isAtWork = false;

  constructor(room: CallRoom["bytes"]) {
    this.room = room;
  }

  take(bytes: number): boolean {
    if (!this.room.tryAcquire(bytes)) return false;
    this.held = bytes;
    return true;
  }

  shrinkTo(bytes: number): void {
    if (this.held <= bytes) return;
    this.room.release(this.held - bytes);
    this.held = bytes;
  }

  begin(): void {
    this.isAtWork = true;
  }

  answered(): void {
    this.isAtWork = false;
    if (this.isClosed) this.shrinkTo(0);
  }

  closed(): void {
    this.isClosed = true;
    if (!this.isAtWork) this.shrinkTo(0);
  }
}

/**
 * Lets calls in while there is room for their messages, and refuses others before anything of them is read, for who waits holds
 * what has come. By itself grpc-js bounds one message and the calls of one connection, and the product of the two and of all
 * connections is more than any process has.
 */
export const boundingCalls =
  ({ bytes, withinMs }: CallRoom, messageBytes: number, clock: Pick<Clock, "after">): ServerInterceptor =>
  ({ requestStream, responseStream }, call) => {
    const holding = new Holding(bytes);
    const isUnary = !requestStream && !responseStream;
    let cancel = (): void => undefined;
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, goOn) => {
            if (!holding.take(messageBytes)) return call.sendStatus(full);
            if (!requestStream) cancel = clock.after(withinMs, () => call.sendStatus(late(withinMs)));
            goOn(metadata);
          },
          onReceiveMessage: (message: Buffer, goOn) => {
            if (!requestStream)
              holding.shrinkTo(responseStream ? Math.max(ANSWER_BYTES, message.length) : message.length);
            goOn(message);
          },
          onReceiveHalfClose: (goOn) => {
            cancel();
            // What answers a stream hears of its end; what answers one message works on, and holds it until then.
            if (isUnary) holding.begin();
            goOn();
          },
          // Comes at the end of every call.
          onCancel: () => {
            cancel();
            holding.closed();
          },
        }),
      sendMessage: (message, next) => {
        if (isUnary) holding.answered();
        next(message);
      },
      sendStatus: (status, next) => {
        if (isUnary) holding.answered();
        next(status);
      },
    });
  };
