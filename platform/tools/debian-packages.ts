import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { run } from "../process/run.ts";
import { debianPackages } from "../versions.ts";

/** Asked by Debian's packages before they start a service; 101 says no. */
const SERVICE_POLICY = "/usr/sbin/policy-rc.d";

/** The Debian packages of which a file is missing on this machine. */
const missingPackages = (present: (path: string) => boolean = existsSync): string[] =>
  Object.entries(debianPackages)
    .filter(([, path]) => !present(path))
    .map(([name]) => name);

/** Runs `work` while freshly installed packages start no service: dockerd and registry here are ours alone. */
const withoutServices = async (work: () => Promise<unknown>): Promise<void> => {
  const ours = !existsSync(SERVICE_POLICY);
  if (ours) await writeFile(SERVICE_POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await work();
  } finally {
    if (ours) await rm(SERVICE_POLICY, { force: true });
  }
};

/** Installs what Debian packages are missing; throws with the command to run where that is not ours to do. */
export const ensureDebianPackages = async (isRoot: boolean, note: (text: string) => void): Promise<void> => {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const install = ["apt-get", "install", "--yes", "--no-install-recommends", ...missing];
  if (!isRoot || !existsSync("/usr/bin/apt-get")) {
    throw new Error(`Programs of these Debian packages are missing. As root, run:\n  apt-get update && ${install.join(" ")}`);
  }
  note(`installing ${missing.join(", ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run(["apt-get", "update"], { env });
  await withoutServices(() => run(install, { env }));
};
