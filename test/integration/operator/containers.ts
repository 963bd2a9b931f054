import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Container } from "#operator/pod/parts.ts";

/** How a container ended: what a kubelet tells of it, and its log. */
export type ContainerEnd = { exitCode: number; message: string; log: string };

/** What the containers of a pod share: a directory for each volume, made when it is first mounted, by `<dir>/<volume>`. */
export type Volumes = { dir: string };

// k8s.io/kubernetes third_party/forked/golang/expansion, as far as no variable is named.
const expanded = (text: string): string => text.replaceAll("$$", "$");
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const mountsOf = async ({ volumeMounts = [] }: Container, { dir }: Volumes): Promise<string[]> => {
  const lines: string[] = [];
  for (const { name, mountPath, readOnly } of volumeMounts) {
    const volume = join(dir, name);
    // What an emptyDir is.
    if ((await mkdir(volume, { recursive: true })) !== undefined) await chmod(volume, 0o777);
    lines.push(`mkdir -p "$root"${mountPath}`, `mount --bind ${quoted(volume)} "$root"${mountPath}`);
    if (readOnly === true) lines.push(`mount -o remount,ro,bind "$root"${mountPath}`);
  }
  return lines;
};

const bound = (from: string, to: string): string => `touch "$root"${to}\nmount --bind ${quoted(from)} "$root"${to}`;

const rightless = "--groups=65530 --no-new-privs --bounding-set=-all --inh-caps=-all --pdeathsig=KILL";

/** What becomes process 1, each word by `exec` of the one before it. */
const processOf = ({ command = [], env = [], workingDir = "/", securityContext: user }: Container): string => {
  const variables = env.map(({ name, value = "" }) => quoted(`${name}=${expanded(value)}`)).join(" ");
  return [
    `chroot /proc/self/cwd setpriv --reuid=${user?.runAsUser} --regid=${user?.runAsGroup} ${rightless}`,
    `env -i PATH=/opt:/usr/local/bin:/usr/bin:/bin KUBERNETES_SERVICE_HOST=10.0.0.1 ${variables}`,
    `/bin/sh -c 'cd "$0" && exec "$@"' ${[workingDir, ...command.map(expanded)].map(quoted).join(" ")}`,
  ].join(" ");
};

/**
 * Runs a container as a runtime does: its command is process 1 of namespaces of its own (processes, mounts, IPC, network),
 * under its user, without rights, over a read-only root that has this machine's programs and this Node.
 */
export const runContainer = async (container: Container, volumes: Volumes): Promise<ContainerEnd> => {
  const root = await mkdtemp(join(volumes.dir, "root-"));
  const termination = `${root}.termination`;
  await writeFile(termination, "");
  await chmod(termination, 0o666);
  const script = [
    "set -e",
    `root=${quoted(root)}`,
    'mount -t tmpfs -o mode=755 tmpfs "$root"',
    'for dir in usr bin lib lib64 etc; do mkdir "$root/$dir"; mount --bind "/$dir" "$root/$dir"; done',
    'mkdir "$root/proc" "$root/dev" "$root/opt"',
    'mount -t proc proc "$root/proc"',
    ...["/dev/null", "/dev/zero", "/dev/urandom"].map((device) => bound(device, device)),
    bound(termination, "/dev/termination-log"),
    bound(process.execPath, "/opt/node"),
    ...(await mountsOf(container, volumes)),
    "ip link set lo up",
    'mount -o remount,ro,bind "$root"',
    'cd "$root"',
    `exec ${processOf(container)}`,
  ].join("\n");
  const apart = ["--mount", "--pid", "--ipc", "--net", "--fork", "--kill-child"];
  const child = spawn("unshare", [...apart, "sh", "-c", script], { stdio: ["ignore", "pipe", "pipe"] });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  const log = Buffer.concat(chunks).toString("utf8");
  const left = await readFile(termination, "utf8");
  const fallsBack = container.terminationMessagePolicy === "FallbackToLogsOnError" && exitCode !== 0;
  return { exitCode, log, message: left === "" && fallsBack ? log.slice(-2048) : left };
};
