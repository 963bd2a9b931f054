import { neverErased } from "#nervous-system/schemas/erased.ts";
import { MAX_ROWS } from "#nervous-system/schemas/questions/define-question.ts";
import { event } from "#nervous-system/schemas/questions/event.ts";
import { askReader, type AnswerRow } from "../ask/ask-reader.ts";
import { CliError, exitCode, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import type { ServerSettings } from "../server/settings.ts";

/** A frame as the question `event` answers it. */
export type FoundFrame = AnswerRow & {
  readonly event_id: string;
  readonly event_type: string;
  readonly agent_uid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly principal: string;
  readonly erased: boolean;
  readonly places: readonly string[];
  readonly blobs: readonly string[];
  readonly lessons: readonly string[];
};

const failed = (message: string): CliError => new CliError(`enchanted erase: ${printable(message)}`, exitCode.fault);

const oneOf = (id: string, found: readonly FoundFrame[], namespace: string): FoundFrame => {
  const [only, ...others] = found;
  if (only === undefined) throw failed(`the ledger of namespace ${namespace} has no frame with event id ${id} (yet)`);
  if (others.length > 0) {
    const uids = found.map(({ agent_uid }) => agent_uid).join(", ");
    throw failed(`several agents have a frame with event id ${id}; say whose with --agent: ${uids}`);
  }
  if (neverErased.includes(only.event_type)) throw failed(`${id} is a ${only.event_type}: what is missing stays told`);
  return only;
};

/** Asks for the frames of these ids, one each, of the agent `uid` where it is said. Throws `CliError` where one is not to be had; rejects with `GrpcFailure`. */
export const findFrames = async (
  host: Host,
  server: ServerSettings,
  ids: readonly string[],
  uid: string,
): Promise<readonly FoundFrame[]> => {
  const frames: FoundFrame[] = [];
  for (const id of ids) {
    const rows: FoundFrame[] = [];
    const asked = { query: event.name, parameters: { event: id }, limit: MAX_ROWS, explain: false };
    const row = (one: AnswerRow): void => void rows.push(one as FoundFrame);
    await askReader(host, server, asked, { begin: () => undefined, row, isDone: () => false });
    const own = rows.filter(({ agent_uid }) => uid === "" || agent_uid === uid);
    frames.push(oneOf(id, own, server.namespace));
  }
  return frames;
};
