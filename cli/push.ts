import { countOption, textOption, type CommandRun } from "./arguments.ts";
import { CliError, createProgress, exitCode, exited, type Host } from "./host.ts";
import { printableJson } from "./printable.ts";
import { dropLeftover } from "./outbox/drop-leftover.ts";
import { listLeftovers, outboxOf, type Leftover } from "./outbox/outbox.ts";
import { sendLeftover, type Sent } from "./outbox/send-leftover.ts";
import { readServer, type ServerSettings } from "./server/settings.ts";

/** What `enchanted push` says of one run. */
type Pushed = Omit<Sent, "state"> & { state: Sent["state"] | "elsewhere" | "dropped" };

/** How runs are pushed. */
type PushOptions = { all: boolean; patienceMs: number; /** Whether what is left is dropped. */ drops: boolean };

const MAX_PATIENCE_MS = 3_600_000;

const elsewhere = ({ directory, run }: Leftover): Pushed => ({
  agent_uid: run.agent_uid,
  agent: run.agent_id,
  namespace: run.namespace,
  collector: run.collector,
  directory,
  state: "elsewhere",
  reason: `it was recorded for the collector ${run.collector}`,
});

/** What to do about a run that every push would leave. */
const remedyOf = ({ state, forGood, agent_uid }: Pushed): string => {
  const drop = `enchanted push --drop ${agent_uid}`;
  if (state === "elsewhere") return `; send it there, or here with --all, or drop it: ${drop}`;
  return forGood === true ? `; to drop it: ${drop}` : "";
};

const countOf = ({ frames, stored = 0 }: Pushed): string =>
  frames === undefined ? "" : `${frames - stored} of ${frames} frame(s): `;

/** One line for people. */
const renderPushed = (pushed: Pushed): string => {
  const { agent_uid, agent, namespace, state, frames = 0, reason } = pushed;
  const name = `${agent} ${agent_uid}`;
  if (state === "stored") return `sent  ${name}: ${frames} frame(s)`;
  if (state === "busy") return `busy  ${name}: it is still being recorded or sent by another process`;
  if (state === "dropped")
    return `dropped  ${name} in namespace ${namespace}: ${countOf(pushed)}${reason}; the record file stays as it is`;
  return `left  ${name}: ${countOf(pushed)}${reason}${remedyOf(pushed)}`;
};

const drop = async (host: Host, leftover: Leftover, pushed: Pushed): Promise<Pushed> => {
  if (pushed.state !== "left" && pushed.state !== "elsewhere") return pushed;
  const dropped = await dropLeftover(host, leftover);
  return dropped === "busy" ? { ...pushed, state: "busy" } : { ...pushed, ...dropped, state: "dropped" };
};

/** Sends each run in its turn, and drops what is left of the one that is to be dropped. */
const pushAll = async (
  host: Host,
  server: ServerSettings | undefined,
  leftovers: readonly Leftover[],
  { all, patienceMs, drops }: PushOptions,
): Promise<Pushed[]> => {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) host.onSignal(signal, () => stop.abort());
  const progress = createProgress(host);
  const push = async (leftover: Leftover, which: string): Promise<Pushed | undefined> => {
    if (server === undefined || !(all || leftover.run.collector === server.address)) return elsewhere(leftover);
    const onProgress = ({ written, stored }: { written: number; stored: number }): void =>
      progress.show(`${which}: ${stored} of ${written} frames sent`);
    return sendLeftover(host, server, leftover, { patienceMs, signal: stop.signal, onProgress });
  };
  const pushed: Pushed[] = [];
  for (const [at, leftover] of leftovers.entries()) {
    const one = await push(leftover, `enchanted: run ${at + 1} of ${leftovers.length}`);
    if (one !== undefined) pushed.push(drops && !stop.signal.aborted ? await drop(host, leftover, one) : one);
  }
  progress.clear();
  return pushed;
};

/** The runs that are meant: all, or the one that is to be dropped. */
const choose = (leftovers: readonly Leftover[], uid: string): readonly Leftover[] => {
  if (uid === "") return leftovers;
  const chosen = leftovers.filter(({ run }) => run.agent_uid === uid);
  if (chosen.length === 0)
    throw new CliError(`enchanted: there is no run ${uid} in the outbox; enchanted push names those that are`);
  return chosen;
};

/** `enchanted push`. */
export const push: CommandRun = async (host, { options }) => {
  const uid = textOption(options, "drop");
  const drops = uid !== "";
  const server = readServer(host, options);
  if (server === undefined && !drops)
    throw new CliError("enchanted: say which collector to send to with --collector host:port, or ENCHANTED_COLLECTOR");
  const patienceMs = countOption(options, "wait", MAX_PATIENCE_MS);
  const leftovers = choose(await listLeftovers(outboxOf(host)), uid);
  const pushed = await pushAll(host, server, leftovers, { all: options["all"] === true, patienceMs, drops });
  const lines = pushed.length === 0 ? ["nothing to send"] : pushed.map(renderPushed);
  host.stdout().write(`${options["output"] === "json" ? printableJson(pushed) : lines.join("\n")}\n`);
  const isLeft = ({ state }: Pushed): boolean =>
    state === "left" || state === "elsewhere" || (drops && state === "busy");
  return exited(pushed.some(isLeft) ? exitCode.fault : exitCode.ok);
};
