import { readFile } from "node:fs/promises";

/** Reads a projected token anew on every call: the kubelet replaces the file long before the token expires. */
export const tokenFrom =
  (path: string): (() => Promise<string>) =>
  async () =>
    (await readFile(path, "utf8")).trim();
