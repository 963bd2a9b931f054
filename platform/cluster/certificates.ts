import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../process/run.ts";

/** The files of one certificate and its private key, PEM. */
export type KeyPair = { readonly certFile: string; readonly keyFile: string };

/** What a certificate says about its holder. */
export type Identity = {
  /** Name of the files, without ending. */
  readonly name: string;
  /** The common name: to Kubernetes, the user. */
  readonly commonName: string;
  /** The organisations: to Kubernetes, the groups. */
  readonly organizations?: readonly string[];
  /** Subject alternative names in openssl's form: `DNS:name` or `IP:address`. */
  readonly altNames?: readonly string[];
};

const VALID_DAYS = "3650";
const newEcKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

const filesOf = (dir: string, name: string): KeyPair => ({
  certFile: join(dir, `${name}.crt`),
  keyFile: join(dir, `${name}.key`),
});

/** The subject as `openssl -subj` reads it. */
const renderSubject = ({ commonName, organizations = [] }: Identity): string =>
  [...organizations.map((name) => `/O=${name}`), `/CN=${commonName}`].join("");

/** The extensions of an end certificate, good for servers and clients. */
const renderExtensions = ({ altNames = [] }: Identity): string =>
  [
    "basicConstraints=critical,CA:FALSE",
    "keyUsage=critical,digitalSignature",
    "extendedKeyUsage=serverAuth,clientAuth",
    "subjectKeyIdentifier=hash",
    "authorityKeyIdentifier=keyid",
    ...(altNames.length > 0 ? [`subjectAltName=${altNames.join(",")}`] : []),
    "",
  ].join("\n");

/** Makes a certificate authority in `dir`, or answers the one that is there. */
export const ensureAuthority = async (dir: string, name: string): Promise<KeyPair> => {
  const files = filesOf(dir, name);
  if (existsSync(files.certFile)) return files;
  await mkdir(dir, { recursive: true, mode: 0o711 });
  await run([
    "openssl",
    "req",
    "-x509",
    ...newEcKey,
    "-days",
    VALID_DAYS,
    "-subj",
    `/CN=${name}`,
    "-keyout",
    files.keyFile,
    "-out",
    files.certFile,
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
  ]);
  return files;
};

/** Issues a certificate signed by `authority` into `dir`; one already issued for the same holder stays. */
export const ensureCertificate = async (dir: string, authority: KeyPair, identity: Identity): Promise<KeyPair> => {
  const files = filesOf(dir, identity.name);
  const wanted = renderSubject(identity) + "\n" + renderExtensions(identity);
  const recipe = join(dir, `${identity.name}.ext`);
  const issued = existsSync(files.certFile) ? await readFile(recipe, "utf8").catch(() => "") : "";
  if (issued === `# ${wanted}`) return files;
  const request = await run([
    "openssl",
    "req",
    "-new",
    ...newEcKey,
    "-subj",
    renderSubject(identity),
    "-keyout",
    files.keyFile,
  ]);
  // Written last in its whole form: a run that ends in between issues the certificate again.
  const extensions = join(dir, `${identity.name}.cnf`);
  await writeFile(extensions, renderExtensions(identity));
  await run(
    [
      "openssl",
      "x509",
      "-req",
      "-days",
      VALID_DAYS,
      "-extfile",
      extensions,
      "-CA",
      authority.certFile,
      "-CAkey",
      authority.keyFile,
      "-out",
      files.certFile,
    ],
    { input: request },
  );
  await writeFile(recipe, `# ${wanted}`);
  return files;
};

/** Makes the key that signs service-account tokens, or answers the one that is there. */
export const ensureSigningKey = async (dir: string, name: string): Promise<string> => {
  const path = join(dir, `${name}.key`);
  if (!existsSync(path)) {
    await mkdir(dir, { recursive: true, mode: 0o711 });
    // Kubernetes reads the traditional form ("EC PRIVATE KEY") only.
    await run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path]);
  }
  return path;
};
