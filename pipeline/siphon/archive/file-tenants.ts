import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";

/**
 * Whose frames files hold, as far as it was seen, so that an order reads no file that holds none of its namespace: places are
 * whatever its giver says.
 */
export type FileTenants = {
  note(key: string, frames: readonly StoredFrame[]): void;
  /** Whether a file may hold frames of a namespace: of one that nobody has seen it is not known. */
  mayHold(key: string, namespace: string): boolean;
};

/** Creates a memory of `max` files; of more it forgets the one that it saw first. */
export const createFileTenants = (max: number): FileTenants => {
  const tenants = new Map<string, ReadonlySet<string>>();
  return {
    note: (key, frames) => {
      tenants.set(key, new Set(frames.map(({ envelope }) => envelope.namespace)));
      for (const oldest of tenants.keys()) {
        if (tenants.size <= max) break;
        tenants.delete(oldest);
      }
    },
    mayHold: (key, namespace) => tenants.get(key)?.has(namespace) ?? true,
  };
};
