/** The part of Node's process that tells of a rejection which nobody handles; without a listener it ends the process. */
type Rejections = { on(event: "unhandledRejection", listener: (reason: unknown) => void): unknown };

/** How such a rejection is told. */
export const unforeseen = "a failure that nobody foresaw; please report it";

const listeners = new Set<() => void>();

/** Calls `count` for every rejection in this process that nobody handled. */
export const onUnhandledRejection = (count: () => void): void => void listeners.add(count);

/**
 * Keeps a process alive through a rejection that nobody handles, which is a fault of ours: what others record in it must not
 * end with it. `tell` says it aloud.
 */
export const surviveRejections = (process: Rejections, tell: (reason: unknown) => void): void => {
  process.on("unhandledRejection", (reason) => {
    for (const count of listeners) count();
    tell(reason);
  });
};
