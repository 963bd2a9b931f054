import { MAX_ROWS } from "#nervous-system/schemas/questions/define-question.ts";
import { askReader, type AnswerRow } from "../../ask/ask-reader.ts";
import { CliError, exitCode, type Host } from "../../host.ts";
import type { ServerSettings } from "../../server/settings.ts";
import { persistently } from "../persistently.ts";

/** How a mission ended, and what says so. */
export type Ended = { readonly outcome: string; readonly outcome_from: string };

/** A mission of which no frame tells the end. */
export const endUnknown: Ended = { outcome: "unknown", outcome_from: "" };

type Row = Readonly<Record<"mission_uid" | "outcome" | "outcome_from" | "event_id", string>>;

/** Reads how missions ended, by UID; of every mission where `mission` is empty. Rejects with `GrpcFailure`. */
export const readOutcomes = async (
  host: Host,
  server: ServerSettings,
  mission: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Ended>> => {
  const parameters: Record<string, string> = mission === "" ? {} : { mission };
  const asked = { query: "outcomes", parameters, limit: MAX_ROWS, explain: false, signal };
  return persistently(host.clock, signal, async () => {
    const ends = new Map<string, Ended>();
    const row = (given: AnswerRow): void => {
      const { mission_uid: uid, outcome, outcome_from: from, event_id: id } = given as Row;
      ends.set(uid, { outcome, outcome_from: `${from} ${id}`.trim() });
    };
    const summary = await askReader(host, server, asked, { begin: () => undefined, row, isDone: () => false });
    if (summary?.cutBy === "") return ends;
    throw new CliError(`enchanted export: there are over ${MAX_ROWS} missions; name one`, exitCode.fault);
  });
};
