import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import { saidIn, type Said } from "#nervous-system/fold/read-frame.ts";

/** A change of a file as it was recorded. */
type RecordedChange = {
  readonly file: string;
  readonly linesAdded: number;
  readonly linesRemoved: number;
  /** Its diff; absent where the record does not hold it in a frame. */
  readonly patch: string | undefined;
};

/** A file that a proposal changes, and the changes of it that led there, in order. */
export type ProposedFile = {
  readonly path: string;
  readonly change: string;
  readonly changes: readonly RecordedChange[];
};

/** What an agent proposed last. */
export type Proposed = {
  readonly agent: string;
  readonly title: string;
  readonly base: string;
  readonly head: string;
  /** What the forge made of it: open, merged, closed or refused; empty where it has no answer. */
  readonly state: string;
  readonly url: string;
  readonly files: readonly ProposedFile[];
};

type StateChange = Said<"STATE_CHANGE"> & { readonly epoch: number };
/** The changes that one observation saw, between two trees of the workspace. */
type Step = {
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly changes: StateChange[];
};

const stepsOf = (frames: readonly PlacedFrame[]): Step[] => {
  const steps: Step[] = [];
  let open: StateChange[] = [];
  for (const { bytes, envelope } of frames) {
    const said = { ...saidIn("STATE_CHANGE", bytes), epoch: envelope.epoch };
    const { batch } = said;
    open = [...open, said];
    if (batch !== undefined && batch.index < batch.count - 1) continue;
    steps.push({ before: open[0]?.old_state_hash, after: said.new_state_hash, changes: open });
    open = [];
  }
  return steps;
};

/**
 * The steps that led to the last one: of attempts that began anew from the base what they did before is none of it. A step whose
 * trees are not known goes on from the one before it in its attempt.
 */
const leadingTo = (steps: readonly Step[]): readonly Step[] => {
  const path: Step[] = [];
  for (const step of steps.toReversed()) {
    const next = path[0];
    const isUnknown = next?.before === undefined || step.after === undefined;
    const goesOn = isUnknown ? step.changes[0]?.epoch === next?.changes[0]?.epoch : step.after === next.before;
    if (next === undefined || goesOn) path.unshift(step);
  }
  return path;
};

const recorded = (said: StateChange): RecordedChange => ({
  file: said.file_modified ?? "",
  linesAdded: said.lines_added ?? 0,
  linesRemoved: said.lines_removed ?? 0,
  patch: said.patch,
});

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const isOf =
  (type: string, uid: string) =>
  (frame: PlacedFrame): boolean =>
    frame.envelope.event_type === type && frame.envelope.agent_uid === uid;

const answerTo = (frames: readonly PlacedFrame[], { envelope }: PlacedFrame): Said<"PUBLICATION"> =>
  frames
    .filter((frame) => frame.envelope.event_type === "PUBLICATION" && frame.envelope.producer === "supervisor")
    .filter(({ envelope: { about } }) => about?.agent_uid === envelope.agent_uid && about.epoch === envelope.epoch)
    .map(({ bytes }) => saidIn("PUBLICATION", bytes))
    .findLast(({ proposal_seq: seq }) => seq === envelope.seq) ?? {};

const nameIn = ({ bytes, envelope }: PlacedFrame): string => {
  const { agent_id: name } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { agent_id?: unknown };
  return textOf(name) || envelope.agent_uid;
};

const proposedIn = (frames: readonly PlacedFrame[], proposal: PlacedFrame): Proposed => {
  const { title = "", base = "", head = "", files = [] } = saidIn("PROPOSAL", proposal.bytes);
  const { state = "", url = "" } = answerTo(frames, proposal);
  const before = frames.filter(({ place }) => place < proposal.place);
  const steps = leadingTo(stepsOf(before.filter(isOf("STATE_CHANGE", proposal.envelope.agent_uid))));
  const changes = steps.flatMap((step) => step.changes.map(recorded));
  return {
    agent: nameIn(proposal),
    title,
    base,
    head,
    state,
    url,
    files: files.map(({ path, change }) => ({
      path,
      change,
      changes: changes.filter(({ file }) => file === path),
    })),
  };
};

/** Types of the frames by which `proposalsIn` tells. */
export const proposalTypes = "PROPOSAL,STATE_CHANGE,PUBLICATION";

/** What each agent of a mission proposed last; of several missions of one name, those of the last one. In the order of recording. */
export const proposalsIn = (frames: readonly PlacedFrame[]): readonly Proposed[] => {
  const uid = frames.at(-1)?.envelope.mission_uid;
  const own = frames.filter(({ envelope }) => envelope.mission_uid === uid);
  const last = new Map(
    own
      .filter(({ envelope }) => envelope.event_type === "PROPOSAL")
      .map((frame) => [frame.envelope.agent_uid, frame] as const),
  );
  return [...last.values()].map((proposal) => proposedIn(own, proposal));
};
