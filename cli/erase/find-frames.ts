import { isHash } from "#nervous-system/schemas/chain.ts";
import { neverErased } from "#nervous-system/schemas/erased.ts";
import { isUuid } from "#nervous-system/schemas/ids.ts";
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

type Named = Pick<FoundFrame, "event_id" | "agent_uid" | "epoch" | "seq">;

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

const rowsOf = async (host: Host, server: ServerSettings, id: string): Promise<FoundFrame[]> => {
  const rows: FoundFrame[] = [];
  const asked = { query: event.name, parameters: { event: id }, limit: MAX_ROWS, explain: false };
  const row = (one: AnswerRow): void => void rows.push(one as FoundFrame);
  await askReader(host, server, asked, { begin: () => undefined, row, isDone: () => false });
  return rows;
};

/** The frames of an id; a UUID or digest is the same one in capitals, as people copy it, another id is not. */
const lookUp = async (host: Host, server: ServerSettings, id: string): Promise<FoundFrame[]> => {
  const rows = await rowsOf(host, server, id);
  const small = id.toLowerCase();
  const mayBeMeant = small !== id && (isUuid(small) || isHash(small));
  return rows.length === 0 && mayBeMeant ? rowsOf(host, server, small) : rows;
};

/** Whether two answers are about the same frame. */
export const isSameFrame = (a: Named, b: Named): boolean =>
  a.event_id === b.event_id && a.agent_uid === b.agent_uid && a.epoch === b.epoch && a.seq === b.seq;

/** Asks for the frames of these ids, one each, of the agent `uid` where it is said. Throws `CliError` where one is not to be had; rejects with `GrpcFailure`. */
export const findFrames = async (
  host: Host,
  server: ServerSettings,
  ids: readonly string[],
  uid: string,
): Promise<readonly FoundFrame[]> => {
  const frames: FoundFrame[] = [];
  for (const id of ids) {
    const own = (await lookUp(host, server, id)).filter(({ agent_uid }) => uid === "" || agent_uid === uid);
    const one = oneOf(id, own, server.namespace);
    if (!frames.some((other) => isSameFrame(one, other))) frames.push(one);
  }
  return frames;
};
