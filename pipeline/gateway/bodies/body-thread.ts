import { Worker } from "node:worker_threads";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { movable, revive, type BodyTask } from "#pipeline/gateway/bodies/task.ts";
import { refused, type Granted } from "#pipeline/gateway/refusal.ts";
import type { UpstreamBody } from "#pipeline/gateway/upstream-request.ts";

/** A thread that does one task at a time, and is made anew where one ended it. */
export type BodyThread = {
  run(task: BodyTask): Promise<Granted<UpstreamBody>>;
  close(): Promise<void>;
};

/** How a thread is made, and how long one task may take it. */
export type BodyThreadOptions = {
  /** Program of the thread. */
  readonly program: URL;
  readonly withinMs: number;
  readonly clock: Pick<Clock, "after">;
};

const tooLong = (withinMs: number): Granted<never> =>
  refused(413, "body_too_large", `the body takes longer than ${withinMs} ms to read: it holds too many values`);

// More than any body takes that has no more values than it may. One that met this bound would end the process, not the thread.
const resourceLimits = { maxOldGenerationSizeMb: 512 };

/** Creates a thread, which begins at once so that the first body does not wait for it. */
export const createBodyThread = ({ program, withinMs, clock }: BodyThreadOptions): BodyThread => {
  let worker: Worker | undefined;
  const start = (): Worker => {
    const own = new Worker(program, { resourceLimits });
    // Without a listener an error of the thread would be one of the process; who asked listens himself.
    own.on("error", () => undefined);
    // Also between two bodies, when nobody listens.
    return own.once("exit", () => {
      if (worker === own) worker = undefined;
    });
  };
  worker = start();
  const end = (which: Worker): Promise<number> => {
    if (worker === which) worker = undefined;
    return which.terminate();
  };
  return {
    run: async (task) => {
      const own = (worker ??= start());
      const { promise, resolve, reject } = Promise.withResolvers<Granted<UpstreamBody>>();
      const fail = (error: Error): void => {
        reject(error);
        void end(own);
      };
      const exit = (): void => fail(new Error("the thread that reads bodies has ended"));
      const cancel = clock.after(withinMs, () => {
        resolve(tooLong(withinMs));
        void end(own);
      });
      own.once("message", resolve).once("error", fail).once("exit", exit);
      try {
        // What is read once more is kept by its call until then, and copied.
        own.postMessage(task, task.kind === "compute" ? movable(task.bytes) : []);
        return revive(await promise);
      } finally {
        cancel();
        own.off("message", resolve).off("error", fail).off("exit", exit);
      }
    },
    close: async () => {
      if (worker !== undefined) await end(worker);
    },
  };
};
