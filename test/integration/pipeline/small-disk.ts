import { execFileSync } from "node:child_process";
import { appendFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory, type Cleanup } from "./bus-harness.ts";

/** A small file system of its own. */
export type SmallDisk = {
  readonly path: string;
  /** Writes until it takes no more. */
  fill(): Promise<void>;
  /** Takes that away again. */
  empty(): Promise<void>;
};

const PIECE_BYTES = 1 << 20;

/** Mounts one in memory, which needs the superuser. */
export const mountSmallDisk = async (mebibytes: number, cleanup: Cleanup): Promise<SmallDisk> => {
  const path = await temporaryDirectory(cleanup);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", path]);
  cleanup.add(() => void execFileSync("umount", [path]));
  const ballast = join(path, "ballast");
  return {
    path,
    fill: async () => {
      for (;;) {
        const { bavail, bsize } = await statfs(path);
        if (bavail === 0) return;
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, bavail * bsize));
        await appendFile(ballast, piece).catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        });
      }
    },
    empty: () => rm(ballast),
  };
};
