import type { RuntimeRow } from "./runtime.ts";

/** Whatever the mission names. */
export const custom: RuntimeRow = { command: ({ command = [] }) => command };
