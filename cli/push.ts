import { countOption, type CommandRun } from "./arguments.ts";
import { CliError, createProgress, exitCode, exited, type Host } from "./host.ts";
import { listLeftovers, outboxOf, type Leftover } from "./outbox/outbox.ts";
import { sendLeftover, type Sent } from "./outbox/send-leftover.ts";
import { readServer, type ServerSettings } from "./server/settings.ts";

/** What `enchanted push` says of one run. */
type Pushed = Omit<Sent, "state"> & { state: Sent["state"] | "elsewhere" };

const MAX_PATIENCE_MS = 3_600_000;

const elsewhere = ({ directory, run }: Leftover): Pushed => ({
  agent_uid: run.agent_uid,
  agent: run.agent_id,
  namespace: run.namespace,
  collector: run.collector,
  directory,
  state: "elsewhere",
  reason: `it was recorded for the collector ${run.collector}; send it there, or here with --all`,
});

/** One line for people. */
const renderPushed = ({ agent_uid, agent, state, frames = 0, stored = 0, reason }: Pushed): string => {
  const name = `${agent} ${agent_uid}`;
  if (state === "stored") return `sent  ${name}: ${frames} frame(s)`;
  if (state === "busy") return `busy  ${name}: it is still being recorded or sent by another process`;
  return `left  ${name}: ${state === "elsewhere" ? "" : `${frames - stored} of ${frames} frame(s): `}${reason}`;
};

const pushAll = async (
  host: Host,
  server: ServerSettings,
  leftovers: readonly Leftover[],
  { all, patienceMs }: { all: boolean; patienceMs: number },
): Promise<Pushed[]> => {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => stop.abort());
  const progress = createProgress(host);
  const pushed: Pushed[] = [];
  for (const [at, leftover] of leftovers.entries()) {
    if (!all && leftover.run.collector !== server.address) {
      pushed.push(elsewhere(leftover));
      continue;
    }
    const which = `enchanted: run ${at + 1} of ${leftovers.length}`;
    const sent = await sendLeftover(host, server, leftover, {
      patienceMs,
      signal: stop.signal,
      onProgress: ({ written, stored }) => progress.show(`${which}: ${stored} of ${written} frames sent`),
    });
    if (sent !== undefined) pushed.push(sent);
  }
  progress.clear();
  return pushed;
};

/** `enchanted push`. */
export const push: CommandRun = async (host, { options }) => {
  const server = readServer(host, options);
  if (server === undefined)
    throw new CliError("enchanted: say which collector to send to with --collector host:port, or ENCHANTED_COLLECTOR");
  const patienceMs = countOption(options, "wait", MAX_PATIENCE_MS);
  const leftovers = await listLeftovers(outboxOf(host));
  const pushed = await pushAll(host, server, leftovers, { all: options["all"] === true, patienceMs });
  const lines = pushed.length === 0 ? ["nothing to send"] : pushed.map(renderPushed);
  host.stdout().write(`${options["output"] === "json" ? JSON.stringify(pushed) : lines.join("\n")}\n`);
  return exited(pushed.some(({ state }) => state === "left" || state === "elsewhere") ? exitCode.fault : exitCode.ok);
};
