import { plainText } from "#nervous-system/kernel/plain-text.ts";
import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import type { CommandRun } from "../arguments.ts";
import { warnOfAbsent } from "../ask/what-is-there.ts";
import { readFrames } from "../export/read-frames.ts";
import { exitCode, exited } from "../host.ts";
import { printable } from "../printable.ts";
import { printAnswer } from "./print-answer.ts";
import { proposalsIn, proposalTypes, type Proposed, type ProposedFile } from "./proposal-changes.ts";
import { filterOf, withReader } from "./reading.ts";

const sumOf = (file: ProposedFile, count: "linesAdded" | "linesRemoved"): number =>
  file.changes.reduce((sum, change) => sum + change[count], 0);

const fileLines = (file: ProposedFile, withPatches: boolean): string[] => {
  const { path, change, changes } = file;
  const steps = changes.length > 1 ? ` in ${changes.length} changes` : "";
  const head = `${change} ${path} +${sumOf(file, "linesAdded")} -${sumOf(file, "linesRemoved")}${steps}`;
  if (!withPatches) return [printable(head)];
  const patches = changes.flatMap(({ patch }) =>
    patch === undefined ? ["(its diff is not in a frame)"] : plainText(patch).trimEnd().split("\n"),
  );
  return [printable(head), ...patches];
};

const proposalLines = ({ agent, title, base, head, state, url, files }: Proposed, withPatches: boolean): string[] => [
  printable(`${agent} proposes: ${title}`),
  printable(
    `${base.slice(0, 12)}..${head.slice(0, 12)} ${state === "" ? "not answered yet" : `${state} ${url}`}`.trimEnd(),
  ),
  ...files.flatMap((file) => fileLines(file, withPatches)),
];

/** `enchanted diff`. */
export const diff: CommandRun = (host, { options, operands }) =>
  withReader(host, { name: "diff", options }, async (server, signal) => {
    const [mission = ""] = operands;
    const filter = { ...filterOf(mission, options), types: proposalTypes };
    const frames: PlacedFrame[] = [];
    for await (const frame of readFrames(host, server, filter, signal)) frames.push(frame);
    const proposals = proposalsIn(frames);
    const lines = proposals.flatMap((one, n) => [
      ...(n === 0 ? [] : [""]),
      ...proposalLines(one, options["stat"] !== true),
    ]);
    if (options["output"] === "json" || proposals.length > 0) printAnswer(host, options, { lines, json: proposals });
    else if (!(await warnOfAbsent(host, server, filterOf(mission, options))))
      host.warn(`enchanted: mission ${printable(mission)} has proposed nothing yet`);
    return exited(proposals.length > 0 ? exitCode.ok : exitCode.fault);
  });
