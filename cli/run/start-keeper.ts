import { spawn, type ChildProcessByStdio, type StdioOptions } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { OptionValues } from "../arguments.ts";
import { keepCommand } from "./keep-command.ts";
import { findLeftBehind } from "./left-behind.ts";
import type { Session, Sockets } from "./session.ts";

/** What a process that keeps a run's ports open is told: all that those who were left behind know of it. */
export type KeptRun = {
  options: OptionValues;
  program: readonly string[];
  directory: string;
  socketPath: string;
  trace: Session["trace"];
  secret: Session["secret"];
  /** The descriptors under which it inherits the sockets of the run's ports. */
  sockets: Sockets;
};

/** A process that stands ready to listen where we listen. */
export type Keeper = {
  pid: number;
  /** To be called once we take no more connections, which wait then; resolves when the keeper listens. */
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

type Told = Pick<KeptRun, "options" | "program">;

/** Descriptors that a process inherits have their places behind its standard streams. */
const FIRST_PLACE = 3;

/**
 * The line that tells of the run, and the sockets that go with it: they are handed over as they are, since a port that were
 * free for a moment could be had by any user of the machine, and the program's prompts and key with it.
 */
const keptRun = (
  { directory, socketPath, trace, secret, models, otlp }: Session,
  told: Told,
): { line: string; descriptors: number[] } => {
  const ports = Object.entries({ models, otlp }).flatMap(([name, port]) =>
    port === undefined ? [] : [{ name, port }],
  );
  const sockets: Sockets = Object.fromEntries(ports.map(({ name }, at) => [name, FIRST_PLACE + at]));
  const kept: KeptRun = { ...told, directory, socketPath, trace, secret, sockets };
  return { line: `${JSON.stringify(kept)}\n`, descriptors: ports.map(({ port }) => port.descriptor) };
};

/** What Node's types tell of a child only where nothing but its three streams is named. */
type Piped<Output extends Readable | null> = ChildProcessByStdio<Writable, Output, null>;

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
 *   run: start ──▶ keeper: opens its record ──"ready"──▶ run: takes no more ──end of input──▶ keeper: listens ──"listening"──▶ run: ends
 */
export const startKeeper = async (session: Session, told: Told): Promise<Keeper | undefined> => {
  if ((await findLeftBehind(session.socketPath)).length === 0) return undefined;
  const { line, descriptors } = keptRun(session, told);
  const [command = "", ...args] = session.host.self;
  const stdio: StdioOptions = ["pipe", "pipe", "ignore", ...descriptors];
  const child = spawn(command, [...args, keepCommand], { ...apart(session), stdio }) as Piped<Readable>;
  child.on("error", () => undefined); // its output ends then
  child.stdin.on("error", () => undefined);
  child.unref();
  child.stdin.write(line);
  if (!(await wordFrom(child.stdout, session)) || child.pid === undefined) {
    // Nobody waits for it any more, and nobody would hear of it.
    child.kill();
    child.stdin.end();
    session.host.warn(
      "enchanted: what the program left behind is recorded no more, and its ports are free for anybody on this machine; end it",
    );
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
export const startGuard = (session: Session, told: Told): (() => void) => {
  const { line, descriptors } = keptRun(session, told);
  const args = ["-c", guard, "sh", ...session.host.self, keepCommand];
  const stdio: StdioOptions = ["pipe", "ignore", "ignore", ...descriptors];
  const child = spawn("sh", args, { ...apart(session), stdio }) as Piped<null>;
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  child.stdin.write(line);
  return () => void child.stdin.end("over\n");
};
