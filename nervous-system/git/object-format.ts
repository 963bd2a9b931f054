/** The option by which `git init` makes a repository whose objects are named as a commit of another is: a fetch crosses no formats. */
export const objectFormatLike = (commit: string): string =>
  `--object-format=${commit.length === 64 ? "sha256" : "sha1"}`;
