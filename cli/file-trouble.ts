const always: Readonly<Record<string, string>> = {
  EISDIR: "it is a directory",
  ENOTDIR: "a part of the path is a file",
};

const atWriting: Readonly<Record<string, string>> = {
  ...always,
  EACCES: "you may not write there",
  EROFS: "the file system is read-only",
  ENOENT: "the directory does not exist",
  ENOSPC: "no space is left",
};

const atReading: Readonly<Record<string, string>> = {
  ...always,
  EACCES: "you may not read it",
  ENOENT: "the file does not exist",
};

const inWords = (reasons: Readonly<Record<string, string>>, error: unknown): string => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
};

/** What it means that a file could not be made or written, in words. */
export const fileTrouble = (error: unknown): string => inWords(atWriting, error);

/** What it means that a file could not be read, in words. */
export const readTrouble = (error: unknown): string => inWords(atReading, error);
