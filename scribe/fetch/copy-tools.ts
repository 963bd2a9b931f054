import { chmod, copyFile, mkdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";

const copyAtomically = async (from: string, to: string, mode: number): Promise<void> => {
  await copyFile(from, `${to}.new`);
  await chmod(`${to}.new`, mode);
  await rename(`${to}.new`, to);
};

/** Puts this Node and the given scripts where the agent container runs them from: an agent image can neither lack nor change them. */
export const copyTools = async (node: string, scripts: readonly string[], directory: string): Promise<void> => {
  await mkdir(directory, { recursive: true });
  await copyAtomically(node, join(directory, "node"), 0o755);
  for (const script of scripts) await copyAtomically(script, join(directory, basename(script)), 0o644);
};
