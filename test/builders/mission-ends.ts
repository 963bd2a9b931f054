import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

/** Namespace of `missionEnds`. */
export const endsNamespace = "ends";

const [sha, other] = ["ab".repeat(20), "cd".repeat(20)];

/** What is said of a mission; by the supervisor where `by` names nobody else. */
type Said = { event_type: string; payload: object; by?: Envelope["producer"] };

const publication = (state: string, more: object = {}) => ({
  event_type: "PUBLICATION",
  payload: { proposal_event_id: "p", state, ...more },
});
const verdict = (passed: boolean) => ({
  event_type: "VERDICT",
  payload: { subject: "head", gate: "tests", passed, findings: [] },
});
const cancelled = (by: Envelope["producer"]): Said => ({
  event_type: "INTERVENTION",
  payload: { kind: "Cancel", by: "ann" },
  by,
});
const reverting = (commit: string) => ({
  event_type: "PROPOSAL",
  payload: { title: "Take it back", body: `Sorry.\n\nThis reverts commit ${commit}.` },
});

/** Missions by name: what was said of each, and how it ended. */
export const missionEnds: Readonly<Record<string, { said: Said[]; outcome: string; from: string }>> = {
  "is-merged": {
    said: [publication("open"), verdict(false), publication("merged", { head: other })],
    outcome: "merged",
    from: "PUBLICATION merged",
  },
  "is-reverted": {
    said: [publication("merged", { head: "e".repeat(40), merge_commit: sha })],
    outcome: "rolled back",
    from: "PUBLICATION reverted",
  },
  "reverts-it": {
    said: [reverting(sha), publication("refused"), publication("open")],
    outcome: "unknown",
    from: "PUBLICATION open",
  },
  "passed-at-last": {
    said: [verdict(false), publication("open"), verdict(true)],
    outcome: "verified",
    from: "VERDICT passed",
  },
  "was-closed": { said: [verdict(true), publication("closed")], outcome: "failed", from: "PUBLICATION closed" },
  "was-refused": {
    said: [publication("open"), publication("refused")],
    outcome: "failed",
    from: "PUBLICATION refused",
  },
  "was-cancelled": {
    said: [publication("open"), cancelled("operator"), verdict(false)],
    outcome: "cancelled",
    from: "INTERVENTION Cancel",
  },
  "says-cancelled": { said: [publication("open"), cancelled("agent")], outcome: "unknown", from: "PUBLICATION open" },
  "said-nothing": { said: [], outcome: "unknown", from: "" },
};

const names = Object.keys(missionEnds);

/** Whose lesson a mission recalls: the next one's. */
export const learnedIn = (mission: string): string => names[(names.indexOf(mission) + 1) % names.length] ?? "";

/** What agents learned and recalled in each of these missions, and the ends, each of a supervisor; `firstPlace` is where they begin. */
export const missionEndFrames = (firstPlace: number): StoredFrame[] =>
  Object.entries(missionEnds)
    .flatMap(([mission, { said }], n) => {
      const of = { mission, mission_uid: agentUid(900 + n), namespace: endsNamespace };
      const agent = chainBuilder({ ...of, agent_uid: agentUid(100 + n) });
      const supervisor = { ...of, producer: "supervisor", recorder: "supervisor" } as const;
      const ends = chainBuilder({ ...supervisor, agent_uid: agentUid(200 + n) });
      const lesson = (state: string, sources: readonly string[]) => ({
        event_type: "LESSON",
        payload: { state, text: `of ${mission}: wait for the lock`, sources },
      });
      return [
        agent.next({ ...lesson("learned", ["e-1", "e-2"]), event_id: `learned in ${mission}` }),
        agent.next(lesson("recalled", [`learned in ${learnedIn(mission)}`])),
        ...said.map(({ by, ...one }) => ends.next(one, by === undefined ? {} : { producer: by })),
      ];
    })
    .map((frame, n) => ({ ...frame, place: firstPlace + n, storedNs: 1_763_701_174_000_000_000n }));
