import { cut } from "#nervous-system/kernel/cut.ts";

const MOST_LINES = 4;
const MAX_LINE = 200;
// What a line is told by stands at its beginning.
const MAX_READ = 400;

/** What runners of tests, compilers and interpreters write before what went wrong. */
const failing =
  /✖|✗|×|\bnot ok\b|\bfail(?:ed|ure|ures|s|ing)?\b|error|exception|panic|assert|expected|traceback|cannot|undefined/i;
/** Counts, such as `fail 3`, `0 failed` and `# errors: 2`. */
const counting = /^\W*(?:fail(?:ed|ures)?|errors?)\W*\d+\W*$|\b0 (?:failed|failures|errors)\b/i;

// Times differ from run to run: the same failure is to be the same words, so that the memory sees one lesson come again.
const times = /[([]\d+(?:\.\d+)?\s*m?s[)\]]/g;

/** The lines of an output by which somebody would tell what went wrong; the first one where none stands out. */
export const failingLines = (output: string): string => {
  const lines = output
    .split("\n")
    .map((line) => line.slice(0, MAX_READ).replaceAll(times, "").trim())
    .filter((line) => line !== "");
  const told = new Set(lines.filter((line) => failing.test(line) && !counting.test(line)));
  const chosen = told.size === 0 ? lines.slice(0, 1) : [...told].slice(0, MOST_LINES);
  return chosen.map((line) => cut(line, MAX_LINE)).join("; ");
};
