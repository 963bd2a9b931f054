import { basename } from "node:path";
import type { OpenRecord } from "../record/open-record.ts";
import type { Session } from "./session.ts";

/** Records the beginning or the end of a run. */
export const tellLifecycle = (
  record: OpenRecord,
  trace: Session["trace"],
  payload: { phase: "Started" | "Stopped" } & Record<string, unknown>,
): Promise<unknown> =>
  record.tell(
    { event_type: "LIFECYCLE", payload: { attempt: record.recorder.epoch, ...payload } },
    { producer: "scribe", trace: trace.ids },
  );

/** What its beginning says. */
export const describeStart = (
  { host, observer }: Pick<Session, "host" | "observer">,
  [command = "", ...args]: readonly string[],
): { phase: "Started" } & Record<string, unknown> => ({
  phase: "Started",
  program: basename(command),
  arguments: args,
  directory: host.cwd,
  ...(observer === undefined ? {} : { observing: observer.place }),
  ...(observer?.commit === undefined ? {} : { commit: observer.commit }),
});
