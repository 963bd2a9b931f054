import { spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";

/** The pipe that a child gets as FD 3: what it writes comes out of `source`, which ends when every writer has closed it. */
export type FramePipe = {
  /** For the child's `stdio[3]`. */
  childEnd: number;
  source: Socket;
  /** Gives up our copy of the child's end; called once the child has its own. */
  handedOver(): void;
};

/**
 * Makes a real pipe, by way of a FIFO that is unlinked at once: Node itself gives children socket pairs, on which
 * `echo > /dev/fd/3` fails and writes of several processes are not whole. `undefined` where there is no `mkfifo`.
 */
export const openFramePipe = (directory: string): FramePipe | undefined => {
  const place = mkdtempSync(join(directory, ".enchanted-fd3-"));
  const path = join(place, "frames");
  try {
    if (spawnSync("mkfifo", ["-m", "600", path], { stdio: "ignore" }).status !== 0) return undefined;
    // The reader first, without blocking: opening a FIFO for writing waits for a reader.
    const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const childEnd = openSync(path, constants.O_WRONLY);
    const source = new Socket({ fd: readEnd, readable: true, writable: false });
    return { childEnd, source, handedOver: () => closeSync(childEnd) };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
};
