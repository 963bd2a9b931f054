import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes the figures of one part of `make chaos` into `report.json` of a directory, beside those of the others. */
export const addToReport = async (
  dir: string,
  part: "simulation" | "kills" | "stores",
  figures: object,
): Promise<void> => {
  await mkdir(dir, { recursive: true });
  const path = join(dir, "report.json");
  const before = await readFile(path, "utf8").catch(() => "{}");
  const report = { ...(JSON.parse(before) as object), [part]: figures };
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
};
