const reasons: Readonly<Record<string, string>> = {
  EACCES: "you may not write there",
  EROFS: "the file system is read-only",
  ENOENT: "the directory does not exist",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is a file",
  ENOSPC: "no space is left",
};

/** What a failed file operation means, in words. */
export const fileTrouble = (error: unknown): string => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
};
