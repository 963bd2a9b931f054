import type { ToldChange } from "./session-frames.ts";

/** More than a person reads through; each becomes a frame, all of one call at once. */
const MAX_CHANGES = 1000;

type Section = { change: ToldChange; lines: string[] };

const begin = (line: string): ToldChange | undefined => {
  const [, verb, path = ""] = /^\*\*\* (Add|Update|Delete) File: (.+)$/.exec(line) ?? [];
  if (verb === "Add") return { path, change: "added" };
  if (verb === "Delete") return { path, change: "deleted" };
  return verb === "Update" ? { path, change: "modified" } : undefined;
};

const endOf = ({ change, lines }: Section): ToldChange => {
  const patch = lines.join("\n");
  return patch === "" ? change : { ...change, patch };
};

/** Takes the lines of a patch. */
class EnvelopeReader {
  readonly sections: Section[] = [];
  left = 0;
  private isInside = false;

  take(line: string): void {
    if (line.startsWith("*** Begin Patch")) this.isInside = true;
    else if (line.startsWith("*** End Patch")) this.isInside = false;
    else if (this.isInside) this.takeInside(line);
  }

  private takeInside(line: string): void {
    const change = begin(line);
    if (change !== undefined && this.sections.length >= MAX_CHANGES) this.left += 1;
    else if (change !== undefined) this.sections.push({ change, lines: [] });
    else if (this.left === 0) this.goOn(line);
  }

  private goOn(line: string): void {
    const section = this.sections.at(-1);
    const moved = /^\*\*\* Move to: (.+)$/.exec(line)?.[1];
    if (section !== undefined && moved !== undefined)
      section.change = { ...section.change, path: moved, change: "renamed", oldPath: section.change.path };
    else section?.lines.push(line);
  }
}

/** The first 1,000 changes of a patch, each with its part of it, and how many are behind them. */
type EnvelopeChanges = { changes: ToldChange[]; left: number };

/** The changes of a patch as Codex writes it (`*** Begin Patch`); none where it is no such patch. */
export const changesInEnvelope = (text: string): EnvelopeChanges => {
  const reader = new EnvelopeReader();
  for (const line of text.split("\n")) reader.take(line);
  return { changes: reader.sections.map(endOf), left: reader.left };
};
