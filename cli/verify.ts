import { textOption, type CommandRun } from "./arguments.ts";
import { exitCode, exited } from "./host.ts";
import { printable, printableJson } from "./printable.ts";
import { createChainCheck, type ChainReport, type FileReport } from "./record/check-chains.ts";
import { once, readItems } from "./record/read-file.ts";

const counted = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

const chainLine = ({ agent_uid, epoch, frames, missing, hash, finished }: ChainReport): string => {
  const held = missing === 0 ? counted(frames, "frame") : `${frames} of ${counted(frames + missing, "frame")}`;
  return `chain ${agent_uid} epoch ${epoch}: ${held}, last hash ${hash}${finished ? "" : ", unfinished"}`;
};

/** The report for people. */
export const renderReport = (file: string, report: FileReport): string[] => {
  const lines = report.ok ? report.chains.map(chainLine) : [];
  for (const { line, why } of report.torn) lines.push(`note: ${file}:${line}: ${printable(why)}`);
  if (report.gaps > 0)
    lines.push(`${counted(report.gaps, "GAP", "GAPs")} in the places of frames that are lost or were refused`);
  if (report.erased > 0)
    lines.push(`${counted(report.erased, "frame")} erased: the hash fits the digest that is left of what was said`);
  if (report.single > 0) lines.push(`of no chain: ${counted(report.single, "frame")}, each verified by itself`);
  if (report.spans > 0)
    lines.push(
      `not verified: ${counted(report.spans, "OpenTelemetry span")}: they carry no hashes, so a change would not show`,
    );
  if (report.unchained > 0)
    lines.push(`not verified: ${counted(report.unchained, "JSON document")} without a hash, written by something else`);
  if (report.fault !== undefined)
    return [...lines, `FAULT: ${file}:${report.fault.line}: ${printable(report.fault.why)}`];
  const what = `${counted(report.frames, "frame")} in ${counted(report.chains.length, "chain")}`;
  return [...lines, report.frames === 0 ? `nothing to verify in ${file}: no frame has a hash` : `ok: ${what} verified`];
};

/** `enchanted verify`. */
export const verify: CommandRun = async (host, { options }) => {
  const file = textOption(options, "file");
  const check = createChainCheck(options["excerpt"] === true);
  for await (const item of readItems(host, file, once)) check.take(item);
  const report = check.report();
  const text =
    options["output"] === "json" ? printableJson({ file, ...report }) : renderReport(file, report).join("\n");
  host.stdout().write(`${text}\n`);
  // A file without a frame proves nothing, whoever named it.
  return exited(report.ok && report.frames > 0 ? exitCode.ok : exitCode.fault);
};
