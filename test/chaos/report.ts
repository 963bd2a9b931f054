import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes the figures of one half of `make chaos` into `report.json` of a directory, beside those of the other half. */
export const addToReport = async (dir: string, half: "simulation" | "kills", figures: object): Promise<void> => {
  await mkdir(dir, { recursive: true });
  const path = join(dir, "report.json");
  const before = await readFile(path, "utf8").catch(() => "{}");
  const report = { ...(JSON.parse(before) as object), [half]: figures };
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
};
