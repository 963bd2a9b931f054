import type { Clock } from "#nervous-system/kernel/clock.ts";
import { ClickHouseException } from "./exception.ts";
import type { QueryRequest } from "./request.ts";

/** Sessions of the interface: each belongs to one user, serves one query at a time and ends after idle time. */
export type HttpSessions = {
  /** Takes a session for a query; throws SESSION_IS_LOCKED (373) or SESSION_NOT_FOUND (372). Its release comes back. */
  readonly take: (
    user: string,
    session: NonNullable<QueryRequest["session"]>,
  ) => { readonly key: string; readonly release: () => void };
};

type Entry = { busy: boolean; cancelExpiry: () => void };

/** Creates the list of sessions; `end` is called with the key of each that is over. */
export const createHttpSessions = (clock: Clock, end: (key: string) => void): HttpSessions => {
  const entries = new Map<string, Entry>();
  const close = (key: string): void => {
    entries.delete(key);
    end(key);
  };
  return {
    take: (user, { id, timeoutMs, mustExist, close: closeAfter }) => {
      const key = JSON.stringify([user, id]);
      const existing = entries.get(key);
      if (existing === undefined && mustExist)
        throw new ClickHouseException(372, "SESSION_NOT_FOUND", `Session ${id} not found`);
      if (existing?.busy)
        throw new ClickHouseException(373, "SESSION_IS_LOCKED", `Session ${id} is locked by a concurrent client`);
      const entry = existing ?? { busy: true, cancelExpiry: () => {} };
      entry.cancelExpiry();
      entry.busy = true;
      entries.set(key, entry);
      const release = (): void => {
        entry.busy = false;
        if (closeAfter) return close(key);
        entry.cancelExpiry = clock.after(timeoutMs, () => close(key));
      };
      return { key, release };
    },
  };
};
