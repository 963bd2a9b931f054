import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createServer } from "node:net";
import { runBounded, type BoundedEnd } from "#nervous-system/git/bounded-process.ts";
import { listen } from "#nervous-system/comms/socket/listen.ts";
import { textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { exitCode, exited, type Host } from "./host.ts";
import { printableJson } from "./printable.ts";
import { createChainCheck } from "./record/check-chains.ts";
import { signalsElsewhere } from "./run/otlp-port.ts";
import { makePrivateDirectory, privatePlaces, type PrivateDirectory } from "./run/private-directory.ts";
import { readServer } from "./server/settings.ts";
import { fileTrouble } from "./file-trouble.ts";
import { once, readItems } from "./record/read-file.ts";

/** What one check found; `remedy` says what to do when it failed. */
export type Finding = { check: string; ok: boolean; detail: string; remedy?: string };

const node = ({ nodeVersion }: Host): Finding => {
  const ok = Number(/^v(\d+)/.exec(nodeVersion)?.[1]) >= 24;
  return { check: "Node", ok, detail: nodeVersion, ...(ok ? {} : { remedy: "use Node 24" }) };
};

const ask = (host: Host, program: string, args: readonly string[]): Promise<BoundedEnd> =>
  runBounded({
    program,
    args,
    env: { PATH: host.env["PATH"] ?? "" },
    timeoutMs: 10_000,
    maxOutputBytes: 65_536,
    clock: host.clock,
  });

const git = async (host: Host): Promise<Finding> => {
  const check = "Git";
  const end = await ask(host, "git", ["--version"]);
  const remedy = "install git 2.31 or later; without it changes of files are not observed";
  if (end.code !== 0) return { check, ok: false, detail: "not found", remedy };
  const detail = end.stdout.toString("utf8").trim();
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(detail)?.map(Number) ?? [];
  const ok = major > 2 || (major === 2 && minor >= 31);
  return { check, ok, detail, ...(ok ? {} : { remedy }) };
};

const workTree = async (host: Host): Promise<Finding> => {
  const end = await ask(host, "git", ["-C", host.cwd, "-c", "safe.directory=*", "rev-parse", "--show-toplevel"]);
  const detail = end.code === 0 ? end.stdout.toString("utf8").trim() : "none here: changes of files are not observed";
  return { check: "work tree", ok: true, detail };
};

const pipe = async (host: Host): Promise<Finding> => {
  const end = await ask(host, "mkfifo", ["--help"]);
  const ok = end.why !== "notStarted";
  const remedy = "install mkfifo (coreutils); without it `echo > /dev/fd/3` fails in programs";
  return { check: "mkfifo", ok, detail: ok ? "found" : "not found", ...(ok ? {} : { remedy }) };
};

const directory = async (host: Host, file: string): Promise<Finding> => {
  const check = "directory";
  const path = dirname(resolve(host.cwd, file));
  try {
    const probe = await mkdtemp(join(path, ".enchanted-doctor-"));
    await rm(probe, { recursive: true });
    return { check, ok: true, detail: `${path} is writable` };
  } catch (error) {
    const remedy = "name a file in another directory with --file";
    return { check, ok: false, detail: `${path}: ${fileTrouble(error)}`, remedy };
  }
};

const socket = async (host: Host): Promise<Finding> => {
  const check = "socket";
  const remedy = "set TMPDIR to a short, writable directory";
  let place: PrivateDirectory | undefined;
  try {
    place = await makePrivateDirectory(privatePlaces(host));
    const server = createServer();
    await listen(server, { path: place.socketPath });
    await new Promise((resolve) => server.close(resolve));
    const where = dirname(place.path);
    if (place.trouble === undefined) return { check, ok: true, detail: `${where} takes sockets` };
    return { check, ok: false, detail: `${place.trouble}; ${where} is used instead`, remedy };
  } catch (error) {
    return { check, ok: false, detail: fileTrouble(error), remedy };
  } finally {
    if (place !== undefined) await rm(place.path, { recursive: true, force: true });
  }
};

const record = async (host: Host, name: string): Promise<Finding> => {
  const check = "file";
  const path = resolve(host.cwd, name);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return { check, ok: true, detail: `${path} will be created` };
  const remedy = "move it away, or name another file with --file";
  if (!found.isFile()) return { check, ok: false, detail: `${path} is not a file`, remedy };
  try {
    await (await open(path, "a")).close();
  } catch (error) {
    return { check, ok: false, detail: `${path}: ${fileTrouble(error)}`, remedy };
  }
  const chains = createChainCheck();
  for await (const item of readItems(host, name, once)) chains.take(item);
  const report = chains.report();
  if (report.ok) return { check, ok: true, detail: `${path}: ${report.frames} frame(s) verify` };
  return { check, ok: false, detail: `${path}:${report.fault?.line}: ${report.fault?.why}`, remedy };
};

const telemetry = ({ env }: Host): Finding => {
  const elsewhere = signalsElsewhere(env);
  const detail =
    elsewhere.length === 0
      ? "programs' own telemetry is recorded"
      : `programs send ${elsewhere.join(", ")} where the environment says, so these are not recorded`;
  return { check: "OTLP", ok: true, detail };
};

const collector = async (host: Host, options: OptionValues): Promise<Finding[]> => {
  const server = readServer(host, options);
  if (server === undefined) return [{ check: "collector", ok: true, detail: "none: frames go to the file only" }];
  return (await import("./server/check-server.ts")).checkServer(host, server);
};

/** `enchanted doctor`. */
export const doctor: CommandRun = async (host, { options, operands: [mission] }) => {
  if (mission !== undefined) return (await import("./cluster/doctor-mission.ts")).doctorMission(host, mission, options);
  const file = textOption(options, "file");
  const findings = [
    node(host),
    ...(await Promise.all([
      git(host),
      workTree(host),
      pipe(host),
      directory(host, file),
      socket(host),
      record(host, file),
    ])),
    telemetry(host),
    ...(await collector(host, options)),
  ];
  const lines = findings.map(
    ({ check, ok, detail, remedy }) =>
      `${ok ? "ok  " : "fail"} ${check.padEnd(10)} ${detail}${remedy === undefined ? "" : `; ${remedy}`}`,
  );
  host.stdout().write(`${options["output"] === "json" ? printableJson(findings) : lines.join("\n")}\n`);
  return exited(findings.every(({ ok }) => ok) ? exitCode.ok : exitCode.fault);
};
