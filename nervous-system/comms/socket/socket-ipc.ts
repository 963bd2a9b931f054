import { createConnection, type Socket } from "node:net";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { frameLanguages, type FrameAck, type FrameEncoding, type FrameInput } from "./frame-encoding.ts";

export type { FrameEncoding, FrameInput } from "./frame-encoding.ts";

/** The recorder's socket cannot be reached, and no longer will be waited for. */
export class RecorderUnavailable extends Error {
  override readonly name = "RecorderUnavailable";
}

/** How to reach the recorder. */
export type FrameSocketOptions = {
  /** Path of the unix socket. */
  readonly path: string;
  readonly clock: Pick<Clock, "now" | "sleep">;
  /** How long a lost connection is sought before every waiting frame is rejected; 30,000 ms unless told. */
  readonly reconnectMs?: number;
  /** Language of the connection; JSON lines unless told. Protobuf is smaller and, for the recorder, the same. */
  readonly encoding?: FrameEncoding;
};

/** A connection to the recorder that heals itself. */
export type FrameSocket = {
  /**
   * Sends a frame and resolves when the recorder has it on disk or refuses it; sends may overlap and are recorded in call
   * order. There is no time limit on the answer: a recorder that waits for its disk makes its writers wait. Rejects with
   * `RecorderUnavailable`. A frame whose answer was lost with the connection is sent again, so give it an `event_id`.
   */
  send(frame: FrameInput): Promise<FrameAck>;
  /** Ends the connection after the answers that are still due. */
  close(): Promise<void>;
};

type Waiting = { readonly written: string | Buffer; resolve(answer: FrameAck): void; reject(error: Error): void };

const open = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });

const retryEveryMs = 100;

/** Opens the socket again and again until it accepts, or rejects with `RecorderUnavailable` after `reconnectMs`. */
const openPatiently = async ({ path, clock, reconnectMs = 30_000 }: FrameSocketOptions): Promise<Socket> => {
  const until = clock.now() + reconnectMs;
  for (;;) {
    try {
      return await open(path);
    } catch (error) {
      if (clock.now() >= until)
        throw new RecorderUnavailable(
          `no recorder at ${path} for ${reconnectMs} ms (${String(error)}); is the scribe running?`,
        );
      await clock.sleep(retryEveryMs);
    }
  }
};

/** Connects to the recorder; rejects with `RecorderUnavailable` when it is not there in time. */
export const connectFrameSocket = async (options: FrameSocketOptions): Promise<FrameSocket> => {
  const language = frameLanguages[options.encoding ?? "json"];
  const waiting: Waiting[] = [];
  let failure: Error | undefined;
  let closing = false;
  let current: Socket | undefined;

  const fail = (error: Error): void => {
    failure = error;
    for (const one of waiting.splice(0)) one.reject(error);
  };

  const attach = (socket: Socket): void => {
    current = socket;
    language.readAcks(socket, (answer) => {
      // An answer that cannot be read could belong to any frame, and so could all behind it: everything is asked again on a
      // fresh connection.
      if (socket.destroyed) return;
      if (answer === undefined) return void socket.destroy();
      waiting.shift()?.resolve(answer);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (current !== socket) return;
      current = undefined;
      if (!closing || waiting.length > 0) void reconnect();
    });
    if (language.opening !== undefined) socket.write(language.opening);
    for (const one of waiting) socket.write(one.written);
  };

  const reconnect = async (): Promise<void> => {
    try {
      attach(await openPatiently(options));
    } catch (error) {
      fail(error as Error);
    }
  };

  attach(await openPatiently(options));
  return {
    send: (frame) => {
      if (failure !== undefined) return Promise.reject(failure);
      const { promise, resolve, reject } = Promise.withResolvers<FrameAck>();
      const one = { written: language.encode(frame), resolve, reject };
      waiting.push(one);
      current?.write(one.written);
      return promise;
    },
    close: async () => {
      closing = true;
      const socket = current;
      if (socket === undefined) return;
      const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.end();
      await gone;
    },
  };
};
