import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";

/** PEM of further CAs from a file; undefined without one, or where it holds none. */
export const readExtraCas = async (file: string | undefined): Promise<string | undefined> => {
  const pem = file === undefined ? "" : await readFile(file, "utf8");
  return pem.trim() === "" ? undefined : pem;
};

/** PEM of the CA that alone a server's certificate may come from; undefined without a file, where the public ones count. */
export const readOnlyCa = async (file: string | undefined): Promise<string | undefined> =>
  file === undefined ? undefined : readFile(file, "utf8");

/** Every CA to trust, PEM: the machine's own, and further ones. */
export const trustedCas = (extraPem?: string): readonly string[] => [
  ...getCACertificates("default"),
  ...(extraPem === undefined ? [] : [extraPem]),
];

// By these Node, OpenSSL, Python's requests and curl are told which CAs to trust.
const bundleVariables = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] as const;

const readBundle = (file: string): string[] => {
  try {
    return [readFileSync(file, "utf8")];
  } catch {
    return []; // a program that cannot read it, trusts nothing of it either
  }
};

/** Every CA that a Node started in `env` trusts, PEM: we may have been started in another environment. */
export const casOfNode = (env: Readonly<Record<string, string | undefined>>): readonly string[] => [
  ...trustedCas(),
  ...readBundle(env["NODE_EXTRA_CA_CERTS"] ?? ""),
];

/** Every CA that some program started in `env` trusts, PEM: Node's, the system's, those of the files that `env` names. */
export const casOfPrograms = (env: Readonly<Record<string, string | undefined>>): readonly string[] => {
  const files = new Set(bundleVariables.map((name) => env[name] ?? "").filter((file) => file !== ""));
  return [...new Set([...trustedCas(), ...getCACertificates("system"), ...[...files].flatMap(readBundle)])];
};

/** Writes one PEM file with all of `cas`, for programs that take a single bundle; answers its path. */
export const writeCaBundle = async (path: string, cas: readonly string[]): Promise<string> => {
  await writeFile(path, `${cas.map((pem) => pem.trim()).join("\n")}\n`, { mode: 0o600 });
  return path;
};
