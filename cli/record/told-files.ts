import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import { relative, resolve } from "node:path";

/** The files of which a program has told a change itself: what it says of them takes the place of what is observed. */
export type ToldFiles = {
  /** Takes a frame as the program gave it. */
  hear(frame: unknown): void;
  /** The same for its line of JSON. */
  hearLine(text: string): void;
  /** Whether a file, named from the top of the work tree, is one of them; the program may name it from where it runs. */
  has(path: string, place: { readonly cwd: string; readonly top: string }): boolean;
};

// A program that names more than these is observed from there on.
const MAX_FILES = 100_000;

const fileOf = (frame: unknown): string | undefined => {
  if (!isJsonObject(frame) || (frame["event_type"] ?? frame["event"]) !== "STATE_CHANGE") return undefined;
  const { payload } = frame;
  const file = (isJsonObject(payload) ? payload["file_modified"] : undefined) ?? frame["file_modified"];
  return typeof file === "string" && file !== "" ? file : undefined;
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Creates an empty set. */
export const createToldFiles = (): ToldFiles => {
  const files = new Set<string>();
  const hear = (frame: unknown): void => {
    const file = files.size < MAX_FILES ? fileOf(frame) : undefined;
    if (file !== undefined) files.add(file);
  };
  return {
    hear,
    hearLine: (text) => {
      if (text.includes("STATE_CHANGE")) hear(parse(text));
    },
    has: (path, { cwd, top }) => {
      if (files.size === 0) return false;
      const full = resolve(top, path);
      const fromHere = relative(cwd, full);
      return [path, full, fromHere, `./${path}`, `./${fromHere}`].some((name) => files.has(name));
    },
  };
};
