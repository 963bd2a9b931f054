/** A repository as its clone URL names it. */
export type RepositoryName = {
  /** What comes before owner and name: the forge itself. */
  readonly forge: URL;
  readonly owner: string;
  readonly name: string;
};

/** Reads owner and name from a clone URL, `https://host[/prefix]/owner/name[.git]`; undefined where it has no owner. */
export const parseRepository = (repo: URL): RepositoryName | undefined => {
  const parts = repo.pathname.split("/").filter((part) => part !== "");
  const name = parts.pop()?.replace(/\.git$/, "");
  const owner = parts.pop();
  if (name === undefined || name === "" || owner === undefined) return undefined;
  const forge = new URL(repo.origin);
  forge.pathname = parts.length === 0 ? "/" : `/${parts.join("/")}/`;
  return { forge, owner: decodeURIComponent(owner), name: decodeURIComponent(name) };
};
