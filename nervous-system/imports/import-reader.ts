import { Worker } from "node:worker_threads";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { SourceKind } from "./source-kind.ts";

/** Reads what sources import, in a thread of its own, which begins with the first source and ends when none came for a while. */
export type ImportReader = {
  /** What a source names, as it names it; undefined where that cannot be known: it takes too long, or too much. Never throws. */
  read(kind: SourceKind, text: string): Promise<readonly string[] | undefined>;
  /** Ends the thread; what is being read is not known. */
  close(): Promise<void>;
};

/** How long one source may take, the loading of its grammar included. */
const WITHIN_MS = 3000;
/** Grammars take tens of MiB, which are given back after this time without a source. */
const IDLE_MS = 60_000;

const program = new URL(import.meta.url.endsWith(".ts") ? "parser/main.ts" : "imports.js", import.meta.url);
const resourceLimits = { maxOldGenerationSizeMb: 128 };

class ThreadReader implements ImportReader {
  private readonly clock: Pick<Clock, "after">;
  private worker: Worker | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private cancelIdle: () => void = () => undefined;
  private isClosed = false;

  constructor(clock: Pick<Clock, "after">) {
    this.clock = clock;
  }

  read(kind: SourceKind, text: string): Promise<readonly string[] | undefined> {
    const answer = this.last.then(() => (this.isClosed ? undefined : this.ask(kind, text)));
    this.last = answer;
    return answer;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.end();
  }

  private async ask(kind: SourceKind, text: string): Promise<readonly string[] | undefined> {
    this.cancelIdle();
    const own = (this.worker ??= this.start());
    const { promise, resolve } = Promise.withResolvers<readonly string[] | undefined>();
    const fail = (): void => {
      resolve(undefined);
      if (this.worker === own) void this.end();
    };
    const cancel = this.clock.after(WITHIN_MS, fail);
    own.once("message", resolve).once("error", fail).once("exit", fail);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread of Node has no origin
    own.postMessage({ kind, text });
    const specifiers = await promise;
    cancel();
    own.off("message", resolve).off("error", fail).off("exit", fail);
    if (this.worker === own) this.cancelIdle = this.clock.after(IDLE_MS, () => void this.end());
    return specifiers;
  }

  private start(): Worker {
    const own = new Worker(program, { resourceLimits, env: {}, execArgv: [] });
    // Without a listener an error of the thread would be one of the process.
    own.on("error", () => undefined);
    // Nobody waits for it at the end of a program.
    own.unref();
    return own.once("exit", () => {
      if (this.worker === own) this.worker = undefined;
    });
  }

  private async end(): Promise<void> {
    this.cancelIdle();
    const own = this.worker;
    this.worker = undefined;
    await own?.terminate();
  }
}

/** Creates a reader; its thread is not there yet. */
export const createImportReader = (clock: Pick<Clock, "after">): ImportReader => new ThreadReader(clock);
