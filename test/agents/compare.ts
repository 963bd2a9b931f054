import type { Agent } from "./agents.ts";
import type { Outcome } from "./run-once.ts";

/** A run of an agent, and how many model calls it made by the model server's own count. */
export type Counted = Outcome & { readonly calls: number };

/** One agent without and with us, over all its runs. */
export type Comparison = {
  readonly name: string;
  /** What was installed. */
  readonly installed: string;
  readonly way: string;
  readonly codes: readonly [without: string, with_: string];
  readonly sameOutput: boolean;
  /** Median seconds. */
  readonly seconds: readonly [without: number, with_: number];
  readonly calls: readonly [recorded: number, made: number];
  readonly changes: readonly [recorded: number, made: number];
  /** What is not as it should be, a sentence each. */
  readonly faults: readonly string[];
};

// Ids, dates and times differ from run to run, and so do paths and ports of ours.
const passing: ReadonlyArray<readonly [RegExp, string]> = [
  // eslint-disable-next-line no-control-regex -- the escape sequences of terminals begin so
  [/\u001B\[[0-9;?]*[A-Za-z]/g, ""],
  [/\d{4}-\d\d-\d\d[T ]\d\d[:-]\d\d[:-]\d\d[\d.,]*(?:-[\da-z]+)?Z?/g, "<time>"],
  [/\b\d\d:\d\d:\d\d\b/g, "<time>"],
  [/\b(?:0|127\.0\.0\.1|localhost):\d+(?:\/[\w-]+)?/g, "<address>"],
  [/\b[\da-f]{8}-[\da-f-]{27}\b/g, "<id>"],
  [/\/\S*\/run-[\w-]+\//g, "<place>/"],
  [/\b[\da-f]{7,40}\b/g, "<hash>"],
  [/\b\d+(?:\.\d+)? ?m?s\b/g, "<span>"],
  [/\b\d[\d,]*(?= tokens)|(?<=tokens used\s+)\d[\d,]*/g, "<count>"],
];

/** What an agent said without what differs anyway and without our own lines; the order of its two streams is chance. */
const normalise = (output: string): string => {
  const told = passing.reduce((text, [pattern, stand]) => text.replaceAll(pattern, stand), output);
  const lines = told.split("\n").map((line) => line.trimEnd());
  return lines
    .filter((line) => line !== "" && !line.startsWith("enchanted"))
    .toSorted()
    .join("\n");
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const codesOf = (runs: readonly Counted[]): string => [...new Set(runs.map(({ code }) => String(code)))].join(", ");

const payloads = ({ frames }: Outcome, type: string) =>
  frames.filter(({ event_type: one }) => one === type).map(({ payload }) => payload);

const recordedPaths = (run: Outcome): Set<unknown> =>
  new Set(payloads(run, "STATE_CHANGE").map(({ file_modified: path }) => path));

const missedFiles = (run: Outcome): string[] => {
  const recorded = recordedPaths(run);
  return [...run.files.keys()].filter((path) => !recorded.has(path));
};

/** The lines that only one side has. */
const difference = (one: string, other: string): string => {
  const [left, right] = [new Set(one.split("\n")), new Set(other.split("\n"))];
  const only = (mark: string, of: Set<string>, not: Set<string>) =>
    [...of].filter((line) => !not.has(line)).map((line) => `${mark} ${line}`);
  return [...only("-", left, right), ...only("+", right, left)].slice(0, 8).join(" ⏎ ");
};

/** The files and what is in them; of hidden ones, in which agents keep their caches, only that they are there. */
const shownFiles = ({ files }: Outcome): string =>
  [...files]
    .map(([path, text]) => (path.startsWith(".") ? path : `${path}: ${text ?? "deleted"}`))
    .toSorted()
    .join("\n");

const faultsOf = (without: readonly Counted[], with_: readonly Counted[]): string[] => {
  const outputs = new Set(without.map(({ output }) => normalise(output)));
  const faults = with_.flatMap((run) => {
    const output = normalise(run.output);
    const calls = payloads(run, "MODEL_CALL");
    const nearest = [...outputs][0] ?? "";
    return [
      ...(outputs.has(output) ? [] : [`its output differs: ${difference(nearest, output)}`]),
      ...(calls.length === run.calls ? [] : [`${calls.length} of ${run.calls} model calls are recorded`]),
      ...missedFiles(run).map((path) => `the change of ${path} is not recorded`),
      ...(without[0] !== undefined && shownFiles(without[0]) === shownFiles(run) ? [] : ["it left other files behind"]),
    ];
  });
  if (codesOf(without) !== codesOf(with_))
    faults.push(`it ends with ${codesOf(with_)}, without us with ${codesOf(without)}`);
  if (with_.some(({ files }) => files.size === 0)) faults.push("it changed no file");
  return [...new Set(faults)];
};

/** Compares the runs of an agent without us and with us. */
export const compare = (
  { name, package: installed, way }: Agent,
  version: string,
  without: readonly Counted[],
  with_: readonly Counted[],
): Comparison => {
  const faults = faultsOf(without, with_);
  return {
    name,
    installed: `${installed} ${version}`,
    way,
    codes: [codesOf(without), codesOf(with_)],
    sameOutput: !faults.some((fault) => fault.startsWith("its output")),
    seconds: [median(without.map(({ seconds }) => seconds)), median(with_.map(({ seconds }) => seconds))],
    calls: [sum(with_.map((run) => payloads(run, "MODEL_CALL").length)), sum(with_.map((run) => run.calls))],
    changes: [
      sum(with_.map((run) => run.files.size - missedFiles(run).length)),
      sum(with_.map(({ files }) => files.size)),
    ],
    faults,
  };
};
