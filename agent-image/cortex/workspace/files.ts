import { Buffer } from "node:buffer";
import { constants } from "node:fs";
import { open, rename, unlink, type FileHandle } from "node:fs/promises";
import { inDirectory, openEntry, type Entry } from "./confined-open.ts";
import { parseWorkspacePath, refuseGitsOwn, ToolFailure } from "./confined-path.ts";

/** The files of a workspace; every path is confined to its root and failures a model can mend are `ToolFailure`. */
export type WorkspaceFiles = {
  /** Reads a file of at most `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /** Writes a file whole, by rename, making its directories; an existing file keeps its mode. */
  write(path: string, content: string): Promise<void>;
  /** The path below the root, for Git; throws for a path outside. */
  relative(path: string): string;
};

/** There is no file at a path. */
export class FileMissing extends ToolFailure {}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "";
// O_NONBLOCK: a FIFO that a command left in the workspace must not hold us.
const readOnly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const createNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const openRegular = async (entry: Entry): Promise<FileHandle> => {
  const shown = entry.segments.join("/") || ".";
  const handle = await open(inDirectory(entry.dir, entry.name), readOnly).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") throw new FileMissing(`there is no file "${shown}"`);
    throw new ToolFailure(`"${shown}" cannot be opened: ${codeOf(error)}`);
  });
  const stat = await handle.stat();
  if (stat.isFile()) return handle;
  await handle.close();
  throw new ToolFailure(`"${shown}" is ${stat.isDirectory() ? "a directory; use list_files" : "not a regular file"}`);
};

const readEntry = async (entry: Entry, maxBytes: number): Promise<Buffer> => {
  const handle = await openRegular(entry);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes)
      throw new ToolFailure(
        `"${entry.segments.join("/")}" has ${size} bytes, more than ${maxBytes}; search it or cut it with run_command`,
      );
    const buffer = Buffer.alloc(size);
    const { bytesRead } = await handle.read(buffer, 0, size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
};

const modeOf = async (entry: Entry): Promise<number> => {
  try {
    const handle = await openRegular(entry);
    const { mode } = await handle.stat();
    await handle.close();
    return mode & 0o777;
  } catch (error) {
    if (error instanceof FileMissing) return 0o644;
    throw error;
  }
};

const writeEntry = async (entry: Entry, content: string, temporary: string): Promise<void> => {
  const mode = await modeOf(entry);
  const beside = inDirectory(entry.dir, temporary);
  const handle = await open(beside, createNew, mode);
  try {
    await handle.writeFile(content);
    await handle.chmod(mode);
    await rename(beside, inDirectory(entry.dir, entry.name));
  } catch (error) {
    await unlink(beside).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
};

/** Creates the view on the files below `root` (a real path); `nextId` names the files that writing needs for a moment. */
export const createWorkspaceFiles = (root: string, nextId: () => string): WorkspaceFiles => {
  const withEntry = async <T>(segments: readonly string[], create: boolean, use: (entry: Entry) => Promise<T>) => {
    const entry = await openEntry(root, segments, create);
    try {
      if (create) refuseGitsOwn(entry.segments);
      return await use(entry);
    } finally {
      await entry.dir.close();
    }
  };
  return {
    read: (path, maxBytes) => withEntry(parseWorkspacePath(root, path), false, (entry) => readEntry(entry, maxBytes)),
    write: async (path, content) => {
      const segments = parseWorkspacePath(root, path);
      if (segments.length === 0) throw new ToolFailure("name a file, not the workspace itself");
      refuseGitsOwn(segments);
      await withEntry(segments, true, (entry) => writeEntry(entry, content, `.enchanted-${nextId()}`));
    },
    relative: (path) => parseWorkspacePath(root, path).join("/"),
  };
};
