// Opens the log in a directory, appends what it is told by lines of its standard input, and says what came of it.
import { createInterface } from "node:readline";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { createNodeDisk } from "#nervous-system/recorder/wal/node-disk.ts";
import { createNodeProcesses } from "#nervous-system/recorder/wal/node-processes.ts";
import { openWal } from "#nervous-system/recorder/wal/wal.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const wal = await openWal({
    directory: process.argv[2] ?? "",
    disk: createNodeDisk(),
    clock: systemClock(),
    processes: createNodeProcesses(),
    salt: () => 42,
  });
  say(`holds as ${process.pid}`);
  for await (const line of createInterface({ input: process.stdin }))
    say(`wrote ${await wal.append(Buffer.from(line))}`);
  await wal.close();
} catch (error) {
  say((error as Error).message);
}
