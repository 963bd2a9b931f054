/** A ref of the remote: its full name, what it points to, and the branch that the clone gives it. */
export type RemoteRef = { name: string; commit: string; branch: string };

type Listed = { name: string; commit: string };

const parseListing = (output: string): { refs: Listed[]; head: string | undefined } => {
  const lines = output.split("\n");
  const symref = lines.map((line) => /^ref: (\S+)\tHEAD$/.exec(line)?.[1]).find((name) => name !== undefined);
  const refs = lines.flatMap((line) => {
    const [, commit, name] = /^([0-9a-f]{40,64})\t(\S+)$/.exec(line) ?? [];
    return commit === undefined || name === undefined ? [] : [{ name, commit }];
  });
  return { refs, head: symref };
};

const branchOf = (name: string): string => (name.startsWith("refs/heads/") ? name.slice("refs/heads/".length) : "base");

/** What to ask `ls-remote` for, so that a server with a million refs sends only these. */
export const listedPatterns = (wanted: string): string[] =>
  wanted === "HEAD" ? ["HEAD"] : ["HEAD", wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];

/** Finds `wanted` (a branch, a tag, a full ref or HEAD) in the output of `git ls-remote --symref`; branches go before tags. */
export const findRef = (output: string, wanted: string): RemoteRef | undefined => {
  const { refs, head } = parseListing(output);
  const candidates = wanted === "HEAD" ? ["HEAD"] : [wanted, `refs/heads/${wanted}`, `refs/tags/${wanted}`];
  for (const name of candidates) {
    if (name !== "HEAD" && !name.startsWith("refs/")) continue;
    const found = refs.find((ref) => ref.name === name);
    if (found === undefined) continue;
    const target = name === "HEAD" ? (head ?? "HEAD") : name;
    return { name: target, commit: found.commit, branch: branchOf(target) };
  }
  return undefined;
};
