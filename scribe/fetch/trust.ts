import { writeFile } from "node:fs/promises";

/** Writes one PEM file with all of `certificates`, for programs that take a single bundle; answers its path. */
export const writeBundle = async (path: string, certificates: readonly string[]): Promise<string> => {
  await writeFile(path, `${certificates.map((pem) => pem.trim()).join("\n")}\n`, { mode: 0o600 });
  return path;
};
