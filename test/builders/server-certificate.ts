import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureAuthority, ensureCertificate } from "#platform/cluster/certificates.ts";

/** A certificate for localhost and 127.0.0.1, its key, and the CA that signed it, PEM. */
export type ServerCertificate = { readonly cert: string; readonly key: string; readonly ca: string };

/** Makes a certificate for a server of a test; its folder goes with the cleanups. */
export const serverCertificate = async (cleanups: Array<() => unknown>): Promise<ServerCertificate> => {
  const dir = await mkdtemp(join(tmpdir(), "enchanted-tls-"));
  cleanups.push(() => rm(dir, { recursive: true }));
  const ca = await ensureAuthority(dir, "test-ca");
  const altNames = ["DNS:localhost", "IP:127.0.0.1"];
  const pair = await ensureCertificate(dir, ca, { name: "server", commonName: "server", altNames });
  const [cert = "", key = "", authority = ""] = await Promise.all(
    [pair.certFile, pair.keyFile, ca.certFile].map((file) => readFile(file, "utf8")),
  );
  return { cert, key, ca: authority };
};
