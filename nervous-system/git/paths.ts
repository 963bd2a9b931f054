import { Buffer, isUtf8 } from "node:buffer";

/** The name of a file from the top of its work tree, a character a byte: names need not be UTF-8. */
export type Path = string;

const bytesOf = (path: Path): Buffer => Buffer.from(path, "latin1");

/** The name as people read it, with U+FFFD for what is not UTF-8. */
export const nameOf = (path: Path): string => bytesOf(path).toString("utf8");

/** The name as it is; undefined where it is not UTF-8. */
export const exactNameOf = (path: Path): string | undefined => (isUtf8(bytesOf(path)) ? nameOf(path) : undefined);

/** The path of a name. */
export const pathOf = (name: string): Path => Buffer.from(name, "utf8").toString("latin1");

/** Where a path is in the file system. */
export const locate = (top: string, path: Path): Buffer => bytesOf(`${pathOf(top)}/${path}`);

/** Reads a list as Git prints it with `-z`, a character a byte. */
export const parseList = (output: Buffer): string[] => output.toString("latin1").split("\0").slice(0, -1);

/** A list as Git reads it with `-z`. */
export const renderList = (entries: readonly string[]): Buffer =>
  bytesOf(entries.map((entry) => `${entry}\0`).join(""));
