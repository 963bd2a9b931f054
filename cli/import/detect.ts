import { isJsonObject, numberAt, objectAt, textAt, type Json } from "./fields.ts";
import type { AgentName } from "./session-frames.ts";

/** What a file is: a session of an agent, by its id; one of OpenCode's storage, whose parts are in other files; or a record. */
export type Shape =
  | { kind: "session"; agent: AgentName; session: string }
  | { kind: "opencode-storage"; session: string }
  | { kind: "record" };

type Detect = (entry: Json) => Shape | undefined;

const sessionOf = (agent: AgentName, session: string | undefined): Shape | undefined =>
  session === undefined ? undefined : { kind: "session", agent, session };

const record: Detect = (entry) =>
  (textAt(entry, "event_type") ?? textAt(entry, "event")) === undefined ? undefined : { kind: "record" };

const codex: Detect = (entry) => {
  const payload = objectAt(entry, "payload");
  if (entry["type"] === "session_meta")
    return sessionOf("codex", textAt(payload, "id") ?? textAt(payload, "session_id"));
  // Until the autumn of 2025 the first line was that payload itself.
  const isOld = entry["type"] === undefined && textAt(entry, "timestamp") !== undefined && "instructions" in entry;
  return isOld ? sessionOf("codex", textAt(entry, "id")) : undefined;
};

const gemini: Detect = (entry) => {
  const session = textAt(entry, "sessionId");
  if (textAt(entry, "projectHash") !== undefined) return sessionOf("gemini-cli", session);
  const isLog = numberAt(entry, "messageId") !== undefined && textAt(entry, "message") !== undefined;
  return isLog ? sessionOf("gemini-cli", `log from ${session}`) : undefined;
};

const claude: Detect = (entry) => {
  const session = textAt(entry, "sessionId");
  const agent = textAt(entry, "agentId");
  const isEntry = textAt(entry, "uuid") !== undefined && textAt(entry, "type") !== undefined;
  return isEntry && session !== undefined
    ? sessionOf("claude-code", agent === undefined ? session : `${session}/${agent}`)
    : undefined;
};

const opencode: Detect = (entry) => {
  const exported = textAt(objectAt(entry, "info"), "id");
  if (exported?.startsWith("ses_") === true && Array.isArray(entry["messages"])) return sessionOf("opencode", exported);
  const stored = textAt(entry, "id");
  const isStored = stored?.startsWith("ses_") === true && isJsonObject(entry["time"]);
  return stored !== undefined && isStored ? { kind: "opencode-storage", session: stored } : undefined;
};

const shapes: readonly Detect[] = [record, codex, gemini, claude, opencode];

/** Tells by its first entries what a file is; undefined where it is none of these. */
export const detectShape = (entries: readonly Json[]): Shape | undefined => {
  for (const entry of entries) {
    for (const detect of shapes) {
      const shape = detect(entry);
      if (shape !== undefined) return shape;
    }
  }
  return undefined;
};
