import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isJsonObject, parseJson, textAt, type Json } from "./fields.ts";

type Found = { value: Json; unread: string[] };

const readObject = async (path: string): Promise<Json | undefined> => {
  try {
    const value: unknown = parseJson(await readFile(path, "utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const readAll = async (directory: string, unread: string[]): Promise<Json[]> => {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".json")).toSorted();
  const found: Json[] = [];
  for (const name of names) {
    const value = await readObject(join(directory, name));
    if (value === undefined) unread.push(join(directory, name));
    else found.push(value);
  }
  return found;
};

/**
 * Gathers a session of OpenCode's storage (`session/<project>/<session>.json`, with `message` and `part` beside `session`) into
 * what `opencode export` writes, and names files that cannot be read.
 */
export const gatherSession = async (path: string, info: Json): Promise<Found> => {
  const idOf = (value: Json): string => textAt(value, "id")?.replaceAll(/[^\w-]/g, "_") ?? "";
  const storage = dirname(dirname(dirname(path)));
  const unread: string[] = [];
  const messages: Json[] = [];
  for (const message of await readAll(join(storage, "message", idOf(info)), unread)) {
    const parts = await readAll(join(storage, "part", idOf(message)), unread);
    messages.push({ info: message, parts });
  }
  return { value: { info, messages }, unread };
};
