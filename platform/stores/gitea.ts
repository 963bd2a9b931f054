import { chown, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureAuthority, ensureCertificate } from "../cluster/certificates.ts";
import { giteaAssets } from "./gitea-assets.ts";
import { freePort } from "../process/ports.ts";
import { run } from "../process/run.ts";
import { startRestartable, type Restartable } from "../process/restartable.ts";
import type { ServiceSpec } from "../process/service.ts";
import { ensureTool } from "../tools/ensure-tool.ts";
import { createGiteaToken } from "./gitea-api.ts";
import { renderGiteaConfig } from "./gitea-config.ts";

/** A running forge with one administrator. */
export type GiteaServer = Restartable & {
  readonly url: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  /** A token of the administrator with every scope. */
  readonly adminToken: string;
  /** The certificate authority of its https, PEM, and the file it stands in. */
  readonly caPem: string;
  readonly caFile: string;
};

/** Gitea refuses to run as root: the user "nobody" of every Linux. */
const NOBODY = { uid: 65_534, gid: 65_534 } as const;
const ADMIN = "enchanted";

type Prepared = { readonly binary: string; readonly config: string; readonly work: string };

/**
 * Copies program, assets and certificate below the server's own directory: caches and checkouts often
 * lie in a home that nobody else may enter.
 */
const prepare = async (dir: string, url: string, port: number): Promise<Prepared & { caFile: string }> => {
  const [work, assets, pki] = [join(dir, "data"), join(dir, "assets"), join(dir, "pki")];
  for (const path of [work, assets]) await mkdir(path, { recursive: true });
  const binary = join(dir, "gitea");
  await cp(await ensureTool("gitea"), binary);
  for (const [name, source] of Object.entries(await giteaAssets())) {
    // Modules are read-only in Go's cache; modes are not wanted here.
    await run(["cp", "-r", "--no-preserve=mode", source, join(assets, name)]);
  }
  const ca = await ensureAuthority(pki, "forge-ca");
  const names = ["DNS:localhost", "IP:127.0.0.1"];
  const serving = await ensureCertificate(pki, ca, { name: "forge", commonName: "forge", altNames: names });
  const config = join(work, "app.ini");
  await writeFile(
    config,
    renderGiteaConfig({
      url,
      address: "127.0.0.1",
      port,
      work,
      assets,
      user: "nobody",
      ...serving,
      secret: randomBytes(32).toString("hex"),
    }),
  );
  await chown(serving.keyFile, NOBODY.uid, NOBODY.gid);
  await run(["chown", "-R", `${NOBODY.uid}:${NOBODY.gid}`, work]);
  return { binary, config, work, caFile: ca.certFile };
};

const environmentOf = (work: string) => ({
  HOME: work,
  USER: "nobody",
  GITEA_WORK_DIR: work,
  GIT_CONFIG_NOSYSTEM: "1",
});

const runAsNobody = ({ binary, config, work }: Prepared, args: readonly string[]): Promise<string> =>
  run(
    [
      "setpriv",
      `--reuid=${NOBODY.uid}`,
      `--regid=${NOBODY.gid}`,
      "--clear-groups",
      "--",
      binary,
      "--config",
      config,
      ...args,
    ],
    { cwd: work, env: environmentOf(work) },
  );

/** Gitea over https as a service. */
const giteaService = ({ binary, config, work }: Prepared, url: string, caFile: string): ServiceSpec => ({
  name: "gitea",
  command: [binary, "--config", config, "web"],
  cwd: work,
  user: NOBODY,
  env: environmentOf(work),
  ready: { kind: "http", url: `${url}/api/healthz`, caFile },
});

/** mkdtemp makes directories that only their owner may enter: lets others pass through those of ours. */
const openPath = async (dir: string): Promise<void> => {
  const temporary = tmpdir();
  for (let path = dir; path.startsWith(`${temporary}/`); path = dirname(path)) {
    await run(["chmod", "o+x", path]);
  }
};

/**
 * Starts a forge on a free loopback port over https, with an administrator. Needs root, and a directory
 * that other users can reach, such as one below the temporary directory.
 */
export const startGitea = async (options: { readonly dir: string }): Promise<GiteaServer> => {
  await mkdir(options.dir, { recursive: true });
  await openPath(options.dir);
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const { caFile, ...prepared } = await prepare(options.dir, url, port);
  await runAsNobody(prepared, ["migrate"]);
  const adminPassword = randomBytes(16).toString("hex");
  await runAsNobody(prepared, [
    "admin",
    "user",
    "create",
    "--admin",
    "--username",
    ADMIN,
    "--password",
    adminPassword,
    "--email",
    "enchanted@localhost.invalid",
    "--must-change-password=false",
  ]);
  const server = await startRestartable(giteaService(prepared, url, caFile), join(options.dir, "logs"));
  const caPem = await readFile(caFile, "utf8");
  const adminToken = await createGiteaToken({ url, caPem, user: ADMIN, password: adminPassword }, "harness");
  const facts = { url, adminUser: ADMIN, adminPassword, adminToken, caPem, caFile };
  const properties = Object.entries(facts).map(([key, value]) => [key, { value, enumerable: true }] as const);
  return Object.defineProperties(server, Object.fromEntries(properties)) as GiteaServer;
};
