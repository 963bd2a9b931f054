import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readJson, writeJson } from "../process/json-file.ts";
import { run } from "../process/run.ts";
import type { Layout } from "./layout.ts";

/** Who may push to and pull from the node's registry. */
export type RegistryAccess = { readonly user: string; readonly password: string };

/** The credentials as an HTTP Authorization header says them. */
export const renderAuthorization = ({ user, password }: RegistryAccess): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

/** Answers the registry's one account, made the first time. */
export const ensureRegistryAccess = async (layout: Layout): Promise<RegistryAccess> => {
  const path = join(layout.state, "registry.json");
  const known = await readJson<RegistryAccess>(path);
  if (known !== undefined) return known;
  const fresh = { user: "enchanted", password: randomBytes(16).toString("hex") };
  await writeJson(path, fresh);
  return fresh;
};

/** The registry reads bcrypt only; Debian's C library makes it, and Perl, which every Debian has, asks for it. */
const BCRYPT = "chomp(my $p = <STDIN>); print crypt($p, $ARGV[0])";

const bcrypt = async (password: string): Promise<string> => {
  // 22 digits of the base64 that bcrypt uses; the last carries four bits only, and "u" is one it may be.
  const salt = `${randomBytes(16).toString("hex").slice(0, 21)}u`;
  const hash = await run(["perl", "-e", BCRYPT, `$2b$10$${salt}`], { input: `${password}\n` });
  if (hash.startsWith("$2b$")) return hash;
  throw new Error("crypt(3) of this machine knows no bcrypt; Debian 11 or newer is needed.");
};

/** containerd's way to the registry: plain HTTP on loopback, with the account's password. */
const renderRegistryHost = (registry: string, access: RegistryAccess): string => `server = "http://${registry}"
[host."http://${registry}"]
  capabilities = ["pull", "resolve"]
  [host."http://${registry}".header]
    authorization = "${renderAuthorization(access)}"
`;

/** Writes who may use the registry, for it and for containerd; answers the registry's file. */
export const writeRegistryAccess = async (layout: Layout, registry: string): Promise<string> => {
  const access = await ensureRegistryAccess(layout);
  const hosts = join(layout.config, "registries", registry);
  await mkdir(hosts, { recursive: true });
  await writeFile(join(hosts, "hosts.toml"), renderRegistryHost(registry, access), { mode: 0o600 });
  const users = join(layout.config, "registry.htpasswd");
  await writeFile(users, `${access.user}:${await bcrypt(access.password)}\n`, { mode: 0o600 });
  return users;
};
