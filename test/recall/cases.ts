import { readFileSync } from "node:fs";

/** A bug as the mission that mended it was told, what was learned, and another person's report of it in other words. */
export type RecallCase = {
  readonly area: string;
  readonly bug: string;
  readonly lesson: string;
  readonly report: string;
};

/** Reads the lines of `area | bug | lesson | report`; throws at one that is none. Lines that begin with `#` are remarks. */
export const parseCases = (text: string): RecallCase[] =>
  text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [area, bug, lesson, report, ...more] = line.split(" | ");
      if (!area || !bug || !lesson || !report || more.length > 0) {
        throw new Error(`not "area | bug | lesson | report": ${line}`);
      }
      return { area, bug, lesson, report };
    });

/** The cases that are measured (`test`), or those to look at while the product is changed (`dev`). */
export const readCases = (split: "test" | "dev"): RecallCase[] =>
  parseCases(readFileSync(new URL(`cases/${split}.txt`, import.meta.url), "utf8"));
