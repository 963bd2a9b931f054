import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withLock } from "./lock.ts";

/** Fills `place` once, whoever comes first; only a whole directory ever appears there. */
export const fillOnce = async (place: string, fill: (temporary: string) => Promise<void>): Promise<string> => {
  if (existsSync(place)) return place;
  await mkdir(dirname(place), { recursive: true });
  return withLock(place, async () => {
    if (existsSync(place)) return place;
    const temporary = await mkdtemp(join(dirname(place), ".filling-"));
    try {
      await fill(temporary);
      await rename(temporary, place);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return place;
  });
};
