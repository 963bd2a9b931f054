import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { OptionValues } from "../arguments.ts";
import { keepCommand } from "./keep-command.ts";
import { findLeftBehind } from "./left-behind.ts";
import type { PortNumbers, Session } from "./session.ts";

/** What a process that keeps a run's ports open is told: all that those who were left behind know of it. */
export type KeptRun = {
  options: OptionValues;
  program: readonly string[];
  directory: string;
  socketPath: string;
  trace: Session["trace"];
  secret: Session["secret"];
  /** Absent where the run had none. */
  ports: PortNumbers;
};

/** A process that stands ready to listen where we listen. */
export type Keeper = {
  pid: number;
  /** To be called once our ports are closed; resolves when the keeper's are open. */
  takeOver(): Promise<boolean>;
};

const WORD_MS = 5000;

/** Whether the keeper says its next word: it may fail, take too long, or nobody may want to wait for it. */
const wordFrom = (output: Readable, { host, hurry }: Pick<Session, "host" | "hurry">): Promise<boolean> =>
  new Promise((resolve) => {
    const cancel = host.clock.after(WORD_MS, () => resolve(false));
    const answer = (isSaid: boolean): void => {
      cancel();
      resolve(isSaid);
    };
    output.once("data", () => answer(true));
    for (const event of ["end", "error"]) output.once(event, () => answer(false));
    hurry.signal.addEventListener("abort", () => answer(false));
    if (hurry.signal.aborted) answer(false);
  });

const keptRun = (
  { directory, socketPath, trace, secret, models, otlp }: Session,
  told: Pick<KeptRun, "options" | "program">,
): string => {
  const ports = {
    ...(models === undefined ? {} : { models: models.port }),
    ...(otlp === undefined ? {} : { otlp: otlp.port }),
  };
  const kept: KeptRun = { ...told, directory, socketPath, trace, secret, ports };
  return `${JSON.stringify(kept)}\n`;
};

// A session of its own: neither the terminal nor its end reaches it.
const apart = ({ host }: Session): { env: NodeJS.ProcessEnv; cwd: string; detached: true } => ({
  env: { ...host.ownEnv, ENCHANTED_INHERITED: undefined },
  cwd: host.cwd,
  detached: true,
});

/**
 * Starts a process that goes on listening for what the program left behind, where that is anything: it would be left with
 * ports at which nobody answers. Undefined where nobody is left, or the process cannot be started.
 *
 *   run: start ──▶ keeper: opens its record ──"ready"──▶ run: closes its ports ──end of input──▶ keeper: listens ──"listening"──▶ run: ends
 */
export const startKeeper = async (
  session: Session,
  told: Pick<KeptRun, "options" | "program">,
): Promise<Keeper | undefined> => {
  if ((await findLeftBehind(session.socketPath)).length === 0) return undefined;
  const [command = "", ...args] = session.host.self;
  const child = spawn(command, [...args, keepCommand], { ...apart(session), stdio: ["pipe", "pipe", "ignore"] });
  child.on("error", () => undefined); // its output ends then
  child.stdin.on("error", () => undefined);
  child.unref();
  child.stdin.write(keptRun(session, told));
  if (!(await wordFrom(child.stdout, session)) || child.pid === undefined) {
    // Nobody waits for it any more, and nobody would hear of it.
    child.kill();
    child.stdin.end();
    return undefined;
  }
  return {
    pid: child.pid,
    takeOver: () => {
      const listening = wordFrom(child.stdout, session);
      child.stdin.end();
      return listening;
    },
  };
};

// The second line never comes from a run that was killed.
const guard = 'IFS= read -r kept || exit; read -r over && exit; printf "%s\\n" "$kept" | "$@"';

/**
 * Starts a shell that starts such a process where this one is killed; it costs next to nothing until then. Answers how to
 * send it home.
 */
export const startGuard = (session: Session, told: Pick<KeptRun, "options" | "program">): (() => void) => {
  const args = ["-c", guard, "sh", ...session.host.self, keepCommand];
  const child = spawn("sh", args, { ...apart(session), stdio: ["pipe", "ignore", "ignore"] });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  child.stdin.write(keptRun(session, told));
  return () => void child.stdin.end("over\n");
};
