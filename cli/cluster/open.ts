import { spawn } from "node:child_process";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { textOption, type CommandRun, type OptionValues } from "../arguments.ts";
import { CliError, exitCode, exited, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster } from "./connect.ts";
import { printAnswer } from "./print-answer.ts";

const tracePage = (mission: Mission, base: string): string => {
  const id = mission.status?.ledger?.traceID;
  if (id === undefined)
    throw new CliError(
      `enchanted: mission "${mission.metadata.name}" has no trace: it is not admitted`,
      exitCode.fault,
    );
  return `${base.replace(/\/+$/, "")}/trace/${id}`;
};

/** The page of a mission: its last pull request, or its trace where Jaeger's pages are named. */
const pageOf = (host: Host, options: OptionValues, mission: Mission): string => {
  const base = textOption(options, "jaeger") || (host.env["ENCHANTED_JAEGER"] ?? "");
  const request = options["trace"] === true ? undefined : mission.status?.pullRequests?.at(-1)?.url;
  if (request !== undefined) return request;
  if (base !== "") return tracePage(mission, base);
  const what =
    options["trace"] === true ? "" : `mission "${mission.metadata.name}" has no pull request; for its trace `;
  throw new CliError(
    `enchanted: ${what}say where Jaeger's pages are with --jaeger or ENCHANTED_JAEGER, such as http://localhost:16686 behind: kubectl port-forward --namespace enchanted-system deploy/enchanted-jaeger 16686`,
    exitCode.fault,
  );
};

const browserOf = ({ env, platform }: Host): string | undefined => {
  if ((env["BROWSER"] ?? "") !== "") return env["BROWSER"];
  if (platform === "darwin") return "open";
  const hasScreen = (env["DISPLAY"] ?? "") !== "" || (env["WAYLAND_DISPLAY"] ?? "") !== "";
  return hasScreen ? "xdg-open" : undefined;
};

/** What a status holds was told by others: nothing but a page is opened. */
const isPage = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);

/** Starts the browser, which stays when we end; answers whether it could be started. */
const start = (program: string, url: string, env: Host["env"]): Promise<boolean> =>
  new Promise((resolve) => {
    const child = spawn(program, [url], { env: { ...env }, detached: true, stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("spawn", () => resolve(true));
    child.unref();
  });

const browse = async (host: Host, url: string): Promise<void> => {
  const program = browserOf(host);
  if (program === undefined || !isPage(url)) return;
  if (!(await start(program, new URL(url).href, host.env)))
    host.warn(
      `enchanted: the browser ${printable(program)} cannot be started; give --no-browser, or name another in BROWSER`,
    );
};

/** `enchanted open`. */
export const open: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, async (cluster) => {
    const url = pageOf(host, options, await findMission(cluster, operands[0] ?? ""));
    printAnswer(host, {}, { lines: [url], json: url });
    if (options["no-browser"] !== true) await browse(host, url);
    return exited(exitCode.ok);
  });
