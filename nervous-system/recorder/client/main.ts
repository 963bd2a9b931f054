import { systemClock, type Clock } from "#nervous-system/kernel/clock.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { createRedactor } from "../redact.ts";
import { secretValuesOf } from "../secret-values.ts";
import { createNodeDisk } from "../wal/node-disk.ts";
import { createNodeProcesses } from "../wal/node-processes.ts";
import { openWal } from "../wal/wal.ts";
import { createClient } from "./client.ts";
import type { CreateContextClient } from "./contract.ts";
import { connectNowhere, connectTo } from "./socket-link.ts";

const MIB = 1024 * 1024;
const DEFAULT_LOG_BYTES = 256 * MIB;

/** Waits that do not keep a program alive which has nothing else to do. */
const idleClock: Pick<Clock, "after"> = {
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Creates a client of the scribe that records through its socket, and into its own log while the socket is away. */
export const createContextClient: CreateContextClient = async (options) => {
  const { directory, socketPath = process.env["ENCHANTED_SOCKET"], redact = [] } = options;
  const redactor = createRedactor(redact, secretValuesOf(process.env));
  const maxBytes = options.maxLogBytes ?? DEFAULT_LOG_BYTES;
  const clock = systemClock();
  const wal = await openWal({
    directory,
    disk: createNodeDisk(),
    clock,
    processes: createNodeProcesses(),
    salt: () => Math.floor(Math.random() * 0x1_0000_0000),
    // What the scribe has, it keeps; nothing stays here.
    limits: { maxBytes, segmentBytes: Math.ceil(maxBytes / 16), keepBytes: 0 },
  });
  return createClient({
    directory,
    wal,
    connect: socketPath === undefined ? connectNowhere : connectTo(socketPath),
    redactor,
    clock,
    idle: idleClock,
    ids: randomIds(),
    onRefused: options.onRefused ?? (() => undefined),
  });
};
