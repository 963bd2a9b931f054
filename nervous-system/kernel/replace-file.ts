import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

const sync = async (path: string, text?: string): Promise<void> => {
  const handle = await open(path, text === undefined ? "r" : "w", 0o600);
  try {
    if (text !== undefined) await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Replaces a file as a whole, by way of `<path>.part`; when it resolves the new text is on the medium. */
export const replaceFile = async (path: string, text: string): Promise<void> => {
  const part = `${path}.part`;
  await sync(part, text);
  await rename(part, path);
  await sync(dirname(path));
};
