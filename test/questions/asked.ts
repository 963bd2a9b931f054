import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { revertedPersona } from "./reverted-missions.ts";

/** One question as it is asked, of which store. */
export type Asked = {
  readonly question: string;
  readonly store: "ledger" | "graph" | "memory";
  readonly parameters: Readonly<Record<string, unknown>>;
};

const hour = { from: "2026-06-15T04:00:00Z", to: "2026-06-15T05:00:00Z" };
const day = { from: "2026-06-15T00:00:00Z", to: "2026-06-16T00:00:00Z" };
const agent = "coder-1";
const mission = "mission-0";

const dependedOn = (frames: readonly StoredFrame[]): string => {
  for (const { envelope, bytes } of frames) {
    if (envelope.event_type !== "STATE_CHANGE" || envelope.mission !== mission) continue;
    const { payload } = JSON.parse(Buffer.from(bytes).toString()) as { payload: { depends_on?: string[] } };
    const [file] = payload.depends_on ?? [];
    if (file !== undefined) return file;
  }
  throw new Error("no file depends on another");
};

/** Every question, about one mission, one agent, one hour or one day of the year that frames are of. */
export const asked = (frames: readonly StoredFrame[]): Asked[] => {
  const ofMission = frames.filter(({ envelope }) => envelope.mission === mission);
  const event = ofMission.find(({ envelope }) => envelope.event_type === "DECISION_RATIONALE")?.envelope.event_id;
  return [
    {
      question: "conversations",
      store: "ledger",
      parameters: { a: agent, b: "coder-2", about: "database schema", ...hour },
    },
    { question: "decisions", store: "ledger", parameters: { agent, ...day } },
    { question: "files", store: "ledger", parameters: { file: "src/part-1/", ...day } },
    { question: "errors", store: "ledger", parameters: { mission } },
    { question: "resume", store: "ledger", parameters: { mission } },
    { question: "mission", store: "ledger", parameters: { mission } },
    { question: "model-usage", store: "ledger", parameters: day },
    { question: "outcomes", store: "ledger", parameters: { mission } },
    { question: "lessons", store: "ledger", parameters: { mission: "reverted-7" } },
    { question: "frames", store: "ledger", parameters: { mission } },
    { question: "event", store: "ledger", parameters: { event } },
    { question: "recall", store: "memory", parameters: { what: "the login page is slow after the last release" } },
    { question: "dependents", store: "graph", parameters: { path: dependedOn(frames), mission } },
    { question: "reverted", store: "graph", parameters: { persona: revertedPersona } },
    { question: "provenance", store: "graph", parameters: { mission } },
  ];
};
