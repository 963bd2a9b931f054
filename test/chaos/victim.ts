import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { renderCommand } from "#platform/process/service.ts";

/** A process of ours that is killed and started again. */
export type Victim = {
  readonly name: string;
  /** File with all that its lives have written. */
  readonly logFile: string;
  isRunning(): boolean;
  start(): void;
  /** kill -9; resolves when it is gone. Nothing happens where it does not run. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number>;
  /** Ends that nobody asked for, with their code. */
  readonly surprises: string[];
};

/** What a victim is. */
export type VictimOptions = {
  name: string;
  command: readonly string[];
  /** Asked for at every start. */
  env: () => Record<string, string>;
  logDir: string;
};

type Life = { child: ChildProcess; ended: Promise<number>; expected: boolean };

class Killable implements Victim {
  readonly name: string;
  readonly logFile: string;
  readonly surprises: string[] = [];
  private readonly options: VictimOptions;
  private life: Life | undefined;

  constructor(options: VictimOptions) {
    this.options = options;
    this.name = options.name;
    this.logFile = join(options.logDir, `${options.name}.log`);
  }

  isRunning(): boolean {
    return this.life !== undefined;
  }

  start(): void {
    if (this.life !== undefined) return;
    const { command, env } = this.options;
    // Dies with us, whatever ends us.
    const [program = "", ...args] = renderCommand({
      name: this.name,
      command,
      ready: { kind: "command", command: [] },
    });
    const log = openSync(this.logFile, "a");
    const child = spawn(program, args, { env: env(), stdio: ["ignore", log, log] });
    closeSync(log);
    const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? -1)));
    const life: Life = { child, ended, expected: false };
    this.life = life;
    child.once("exit", (code) => {
      if (this.life === life) this.life = undefined;
      if (!life.expected) this.surprises.push(`${this.name} ended by itself with code ${code}; see ${this.logFile}`);
    });
  }

  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  stop(): Promise<number> {
    return this.end("SIGTERM");
  }

  private async end(signal: NodeJS.Signals): Promise<number> {
    const { life } = this;
    if (life === undefined) return -1;
    life.expected = true;
    life.child.kill(signal);
    return life.ended;
  }
}

/** Creates a victim that is not started. */
export const createVictim = (options: VictimOptions): Victim => new Killable(options);
