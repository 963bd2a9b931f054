import { link, open, rename, rm } from "node:fs/promises";

/** Refusals of a file system that has no hard links, such as exFAT, or of a user who may make none. */
const noLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** Takes a name by an empty file, and puts the whole one in its place: the two steps that are left without links. */
const takeName = async (temporary: string, path: string): Promise<void> => {
  await (await open(path, "wx", 0o600)).close();
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
};

/** Gives a whole file its name, never in the place of another one; rejects with `EEXIST` where one came meanwhile. */
export const publish = async (temporary: string, path: string, linkFile: typeof link = link): Promise<void> => {
  const isLinked = await linkFile(temporary, path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (!noLinks.has(error.code ?? "")) throw error;
      return false;
    },
  );
  await (isLinked ? rm(temporary) : takeName(temporary, path));
};
