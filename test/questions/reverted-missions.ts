import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { agentUid, chainBuilder } from "#test/integration/pipeline/chain-builder.ts";

/** The persona that the reverted changes are of. */
export const revertedPersona = "Junior Coder";

const sha = (n: number, kind: number): string => (n * 10 + kind).toString(16).padStart(40, "0");

/** One mission: a junior's change is merged, and a senior's proposal takes it back; it recalls what the one before learned. */
const revertedMission = (n: number) => {
  const of = { mission_uid: agentUid(8_000_000 + n), mission: `reverted-${n}` };
  const junior = chainBuilder({ ...of, agent_uid: agentUid(9_000_000 + 3 * n), persona: revertedPersona });
  const senior = chainBuilder({ ...of, agent_uid: agentUid(9_000_001 + 3 * n), persona: "Senior Coder" });
  const about = { agent_uid: agentUid(9_000_000 + 3 * n), epoch: 1 };
  const supervised = { producer: "supervisor", recorder: "supervisor" } as const;
  const supervisor = chainBuilder({ ...of, ...supervised, agent_uid: agentUid(9_000_002 + 3 * n), about });
  const file = `src/reverted-${n}.ts`;
  const proposal = (head: string, body: string) => ({
    event_type: "PROPOSAL",
    payload: { head, title: "t", body, files: [{ path: file, change: "modified" }] },
  });
  const published = { proposal_event_id: "p", proposal_seq: 2, url: `https://forge.example/team/app/pulls/r${n}` };
  const merged = { ...published, state: "merged", number: n, head: sha(n, 2), merge_commit: sha(n, 3) };
  const lesson = (state: string, sources: readonly string[]) => ({
    event_type: "LESSON",
    payload: { state, text: `Lesson ${n}: wait for the lock`, sources },
  });
  return [
    senior.next(lesson("recalled", [`learned-${n - 1}`])),
    junior.next({ event_type: "STATE_CHANGE", payload: { file_modified: file, change: "modified" } }),
    junior.next(proposal(sha(n, 1), "why")),
    supervisor.next({ event_type: "PUBLICATION", payload: merged }),
    senior.next(proposal(sha(n, 4), `It fails.\n\nThis reverts commit ${sha(n, 3)}.`)),
    senior.next({ event_id: `learned-${n}`, ...lesson("learned", ["e-1", "e-2"]) }),
  ];
};

/** Missions named `reverted-1` and so on, whose merged change was taken back, behind `place`. */
export const revertedMissions = (missions: number, place: number): StoredFrame[] =>
  Array.from({ length: missions }, (_, n) => revertedMission(n + 1))
    .flat()
    .map((frame, n) => ({ ...frame, place: place + n + 1, storedNs: BigInt(frame.envelope.observed) + 1_000_000n }));
