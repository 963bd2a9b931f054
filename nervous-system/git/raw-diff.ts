import type { Buffer } from "node:buffer";
import { parseList, type Path } from "#nervous-system/git/paths.ts";

/** One changed path, between two trees or between the index and the work tree. */
export type RawChange = {
  /** As octal text; `000000` where the path does not exist on that side. */
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldId: string;
  readonly newId: string;
  /** A, D, M, R, T or U. */
  readonly status: string;
  readonly path: Path;
  /** Where a renamed file was. */
  readonly oldPath?: Path;
};

const entryPattern = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])[0-9]*$/;

const parseChange = (header: string, first: string, second: string): RawChange | undefined => {
  const found = entryPattern.exec(header);
  if (found === null || first === "") return undefined;
  const [, oldMode = "", newMode = "", oldId = "", newId = "", status = ""] = found;
  const paths = status === "R" ? { path: second, oldPath: first } : { path: first };
  return { oldMode, newMode, oldId, newId, status, ...paths };
};

/** Reads what Git prints with `--raw -z`, and gives back the fields behind the last entry. */
export const splitRawDiff = (output: Buffer): { changes: RawChange[]; rest: string[] } => {
  const fields = parseList(output);
  const changes: RawChange[] = [];
  for (let at = 0; ; at += changes.at(-1)?.oldPath === undefined ? 2 : 3) {
    const [header = "", first = "", second = ""] = fields.slice(at, at + 3);
    const change = parseChange(header, first, second);
    if (change === undefined) return { changes, rest: fields.slice(at) };
    changes.push(change);
  }
};

/** Reads what Git prints with `--raw -z` alone; undefined where it is not that. */
export const parseRawDiff = (output: Buffer): RawChange[] | undefined => {
  const { changes, rest } = splitRawDiff(output);
  return rest.length === 0 ? changes : undefined;
};
