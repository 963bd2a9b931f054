/** One changed path between two trees. */
export type RawChange = {
  /** As octal text; `000000` where the path does not exist on that side. */
  readonly oldMode: string;
  readonly newMode: string;
  readonly oldId: string;
  readonly newId: string;
  /** A, M, D or T. */
  readonly status: string;
  readonly path: string;
};

const entryPattern = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]+) ([0-9a-f]+) ([A-Z])[0-9]*$/;
const utf8 = new TextDecoder("utf-8", { fatal: true });

const decodePath = (bytes: Buffer): string | undefined => {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
};

const splitAtNul = (output: Buffer): readonly Buffer[] => {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = output.indexOf(0, from); at >= 0; at = output.indexOf(0, from)) {
    parts.push(output.subarray(from, at));
    from = at + 1;
  }
  return parts;
};

const parseChange = (entry: Buffer, path: string | undefined): RawChange | undefined => {
  const found = entryPattern.exec(entry.toString("latin1"));
  if (found === null || !path) return undefined;
  const [, oldMode = "", newMode = "", oldId = "", newId = "", status = ""] = found;
  return { oldMode, newMode, oldId, newId, status, path };
};

/** Reads the output of `diff-tree -r -z --raw --no-renames`; undefined where it is not that, or a path is not UTF-8. */
export const parseRawDiff = (output: Buffer): readonly RawChange[] | undefined => {
  const parts = splitAtNul(output);
  const changes: RawChange[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    const change = parseChange(parts[i] ?? Buffer.alloc(0), decodePath(parts[i + 1] ?? Buffer.alloc(0)));
    if (change === undefined) return undefined;
    changes.push(change);
  }
  return changes;
};

/** Reads the output of `ls-tree -z --name-only`; paths that are not UTF-8 are left out. */
export const parseNames = (output: Buffer): readonly string[] =>
  splitAtNul(output).flatMap((part) => decodePath(part) ?? []);
