import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type as system } from "node:os";
import { statfs } from "node:fs/promises";

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "ext2/3/4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
};

/** What decides the absolute figures: they mean nothing without it. */
export type Machine = Readonly<Record<string, string>>;

/** Load of the last minute: above the number of processors, others took part in the measurement. */
export const loadNow = (): string => readFileSync("/proc/loadavg", "utf8").split(" ")[0] ?? "?";

/** Facts of the machine and of the disk under `directory`. */
export const machineFacts = async (directory: string): Promise<Machine> => {
  const { type } = await statfs(directory);
  const [first] = cpus();
  return {
    processors: `${cpus().length} × ${first?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    "file system": FILE_SYSTEMS[type] ?? `type 0x${type.toString(16)}`,
    kernel: `${system()} ${release().split("-")[0]}`,
    Node: process.version,
  };
};
