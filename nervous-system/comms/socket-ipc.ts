import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ProducedFrame } from "#nervous-system/schemas/frames/parse-frame.ts";

/** A frame as a producer sends it: its type, its payload, and what else it knows. */
export type OutgoingFrame = ProducedFrame & {
  readonly parent_event_id?: string;
  readonly trace_id?: string;
  readonly span_id?: string;
};

/** What the recorder said of one frame: written to its log, or refused. */
export type FrameAck =
  | { readonly ok: true; readonly seq: number; readonly event_id: string }
  | { readonly ok: false; readonly reason: string };

const ack = z.union([
  z.object({ ok: z.literal(true), seq: z.number(), event_id: z.string() }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);

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
};

/** A connection to the recorder that heals itself. */
export type FrameSocket = {
  /**
   * Sends a frame and resolves when the recorder has it on disk or refuses it; sends may overlap and are recorded in call
   * order. There is no time limit on the answer: a recorder that waits for its disk makes its writers wait. Rejects with
   * `RecorderUnavailable`. A frame whose answer was lost with the connection is sent again, so give it an `event_id`.
   */
  send(frame: OutgoingFrame): Promise<FrameAck>;
  /** Ends the connection after the answers that are still due. */
  close(): Promise<void>;
};

type Waiting = { readonly line: string; resolve(answer: FrameAck): void; reject(error: Error): void };

const parseAck = (line: string): FrameAck | undefined => {
  try {
    return ack.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
};

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
    const lines = createInterface({ input: socket, crlfDelay: Infinity });
    // readline tells the socket's errors again, and nobody listening there would be a crash; the socket's own handler decides.
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const answer = parseAck(line);
      // An answer that cannot be read could belong to any frame: everything is asked again on a fresh connection.
      if (answer === undefined) return void socket.destroy();
      waiting.shift()?.resolve(answer);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      if (current !== socket) return;
      current = undefined;
      if (!closing || waiting.length > 0) void reconnect();
    });
    for (const one of waiting) socket.write(one.line);
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
      const one = { line: `${JSON.stringify(frame)}\n`, resolve, reject };
      waiting.push(one);
      current?.write(one.line);
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
