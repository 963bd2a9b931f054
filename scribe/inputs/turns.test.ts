import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PROTOBUF_OPENER } from "#nervous-system/comms/socket/delimited-messages.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createSemaphore } from "#nervous-system/kernel/semaphore.ts";
import type { FrameRecorder } from "./frame-encodings.ts";
import { serveFrameConnection } from "./frame-socket.ts";
import { createTurns } from "./turns.ts";
import { boundUnfinished } from "./unfinished.ts";

let path: string;
let directory: string;
let server: Server;
let recorded: number;
const sockets = new Set<Socket>();

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "turns-"));
  path = join(directory, "s.sock");
  recorded = 0;
  const [budget, turns] = [createSemaphore(4 * 1024 * 1024), createTurns()];
  const record: FrameRecorder["record"] = () => {
    recorded += 1;
    return Promise.resolve({ ok: false, code: "Malformed", reason: "no" });
  };
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    serveFrameConnection(socket, {
      recorder: { record, recordLine: () => Promise.resolve({ ok: true, seq: recorded, eventId: "e" }) },
      budget,
      turns,
      unfinished: boundUnfinished(1024 * 1024),
      clock: systemClock(),
      onRefused: () => undefined,
    });
  }).listen(path);
  await once(server, "listening");
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server.close();
  await rm(directory, { recursive: true });
});

const connectHere = async (): Promise<Socket> => {
  const socket = createConnection(path).on("error", () => undefined);
  sockets.add(socket);
  await once(socket, "connect");
  return socket;
};

// What is under way at most, in frames, and what those that had their turns may have read beyond it.
const MOST_A_TURN = 3 * 1024;

/** The most frames that were taken between two turns of the event loop, until `ends`. */
const mostATurn = async (ends: () => boolean): Promise<number> => {
  let most = 0;
  for (let before = recorded; !ends(); before = recorded) {
    await nextTurn();
    most = Math.max(most, recorded - before);
  }
  return most;
};

describe("one writer beside many that flood with what is refused", () => {
  it.each([1, 2, 7, 8, 16, 24, 31, 47])("is heard between any two turns of %i", async (floods) => {
    const writer = await connectHere();
    const flooding = await Promise.all(Array.from({ length: floods }, connectHere));
    for (const flood of flooding) {
      flood.resume();
      flood.write(Buffer.concat([Buffer.from([PROTOBUF_OPENER]), Buffer.alloc(64 * 1024)]));
    }
    const most = mostATurn(() => writer.bytesRead > 0);
    while (recorded < 10_000) await nextTurn();
    const before = recorded;
    writer.write('{"event_type":"THOUGHT"}\n');
    await once(writer, "data");
    expect(recorded - before).toBeLessThan(4 * MOST_A_TURN);
    expect(await most).toBeLessThan(MOST_A_TURN);
  });
});
