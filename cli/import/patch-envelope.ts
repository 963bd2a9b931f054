import type { ToldChange } from "./session-frames.ts";

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
  private isInside = false;

  take(line: string): void {
    if (line.startsWith("*** Begin Patch")) this.isInside = true;
    else if (line.startsWith("*** End Patch")) this.isInside = false;
    else if (this.isInside) this.takeInside(line);
  }

  private takeInside(line: string): void {
    const section = this.sections.at(-1);
    const change = begin(line);
    const moved = /^\*\*\* Move to: (.+)$/.exec(line)?.[1];
    if (change !== undefined) this.sections.push({ change, lines: [] });
    else if (section !== undefined && moved !== undefined)
      section.change = { ...section.change, path: moved, change: "renamed", oldPath: section.change.path };
    else section?.lines.push(line);
  }
}

/** The changes of a patch as Codex writes it (`*** Begin Patch`), each with its part of it; none where it is no such patch. */
export const changesInEnvelope = (text: string): ToldChange[] => {
  const reader = new EnvelopeReader();
  for (const line of text.split("\n")) reader.take(line);
  return reader.sections.map(endOf);
};
