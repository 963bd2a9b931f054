import { readFile, writeFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";

/** PEM of further CAs from a file; undefined without one, or where it holds none. */
export const readExtraCas = async (file: string | undefined): Promise<string | undefined> => {
  const pem = file === undefined ? "" : await readFile(file, "utf8");
  return pem.trim() === "" ? undefined : pem;
};

/** Every CA to trust, PEM: the machine's own, and further ones. */
export const trustedCas = (extraPem?: string): readonly string[] => [
  ...getCACertificates("default"),
  ...(extraPem === undefined ? [] : [extraPem]),
];

/** Writes one PEM file with all of `cas`, for programs that take a single bundle; answers its path. */
export const writeCaBundle = async (path: string, cas: readonly string[]): Promise<string> => {
  await writeFile(path, `${cas.map((pem) => pem.trim()).join("\n")}\n`, { mode: 0o600 });
  return path;
};
