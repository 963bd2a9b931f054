import process from "node:process";

/** The program that the command line names, such as `scribe`. */
export const program = process.argv[2];

/**
 * Resolves with the first signal to stop. Imported before anything else: as process 1 of its container the scribe is spared a
 * signal that nobody listens to, and loading the rest takes most of its first second.
 */
export const stopped = new Promise<void>((resolve) => {
  if (program !== "scribe") return;
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
});
