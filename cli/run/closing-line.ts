import { relative } from "node:path";
import type { Session } from "./session.ts";

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

// What nobody was there to see is left out, where the program has not told of it itself.
const calls = ({ models }: Pick<Session, "models">, count: number): string[] => {
  if (count > 0) return [counted(count, "call")];
  return models === undefined ? [] : ["no call of a model was seen"];
};

/** What a run recorded, and where: the last line that its user reads. */
export const closingLine = (session: Pick<Session, "host" | "record" | "models" | "observer">): string => {
  const { host, record, observer } = session;
  const changes = record.written("STATE_CHANGE");
  const parts = [
    ...calls(session, record.written("MODEL_CALL")),
    ...(changes > 0 || observer !== undefined ? [counted(changes, "change")] : []),
    counted(record.recorder.written().seq, "frame"),
  ];
  const inside = relative(host.cwd, record.path);
  return `enchanted: ${parts.join(", ")} in ${inside.startsWith("..") ? record.path : inside}`;
};
