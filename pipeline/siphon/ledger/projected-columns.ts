import { tell, type ByType, type Reading } from "#nervous-system/fold/read-frame.ts";

/** What is lifted out of a payload into columns of its own; what is absent is empty or 0. */
export type Projected = {
  /** What the frame says, in words. */
  readonly text: string;
  readonly subject: string;
  readonly from_agent: string;
  readonly to_agent: string;
  readonly channel: string;
  /** Path in the workspace. */
  readonly file: string;
  readonly change: string;
  readonly lines_added: number;
  readonly lines_removed: number;
  readonly tool: string;
  readonly ok: number;
  readonly model: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly duration_ms: number;
  /** State, phase or outcome, in one word. */
  readonly state: string;
};

/** The columns of a frame from which nothing is lifted. */
export const nothingProjected: Projected = {
  text: "",
  subject: "",
  from_agent: "",
  to_agent: "",
  channel: "",
  file: "",
  change: "",
  lines_added: 0,
  lines_removed: 0,
  tool: "",
  ok: 0,
  model: "",
  input_tokens: 0,
  output_tokens: 0,
  duration_ms: 0,
  state: "",
};

const MAX_UINT32 = 0xffff_ffff;

// A lone surrogate cannot be written as UTF-8.
const str = (value: unknown): string =>
  typeof value === "string"
    ? value.toWellFormed()
    : value === undefined || value === null
      ? ""
      : JSON.stringify(value).toWellFormed();

const count = (value: unknown): number =>
  typeof value === "number" && value > 0 ? Math.min(Math.floor(value), MAX_UINT32) : 0;

const flag = (value: unknown): number => (value === true ? 1 : 0);

/** A new frame type does not compile until it says what is lifted out of it, and no member that it does not have. */
const projections: ByType<Partial<Projected>> = {
  THOUGHT: ({ given: p }) => ({ text: str(p.text) }),
  DECISION_RATIONALE: ({ given: p }) => ({ text: str(p.reasoning), state: str(p.selected_strategy) }),
  STATE_CHANGE: ({ given: p }) => ({
    file: str(p.file_modified),
    change: str(p.change),
    lines_added: count(p.lines_added),
    lines_removed: count(p.lines_removed),
    tool: str(p.observed_by),
    text: str(p.patch),
  }),
  MESSAGE: ({ given: p }) => ({
    from_agent: str(p.from),
    to_agent: str(p.to),
    channel: str(p.channel),
    subject: str(p.subject),
    text: str(p.text),
  }),
  ACTION: ({ given: p }) => ({
    tool: str(p.tool),
    ok: flag(p.ok),
    duration_ms: count(p.duration_ms),
    text: str(p.error ?? p.result),
  }),
  MODEL_CALL: ({ given: p }) => ({
    model: str(p.model),
    input_tokens: count(p.input_tokens),
    output_tokens: count(p.output_tokens),
    duration_ms: count(p.latency_ms),
    state: str(p.stop_reason),
  }),
  PLAN: ({ given: p }) => ({ text: str(p.tasks) }),
  TASK: ({ given: p }) => ({ subject: str(p.id), state: str(p.state), to_agent: str(p.agent) }),
  CLAIM: ({ given: p }) => ({ subject: str(p.branch), state: str(p.action), text: str(p.files) }),
  LIFECYCLE: ({ given: p }) => ({ state: str(p.phase), text: str(p.reason) }),
  HEARTBEAT: ({ given: p }) => ({ text: str(p.activity) }),
  SNAPSHOT: ({ given: p }) => ({ subject: str(p.snapshot_id), text: str(p.manifest) }),
  REQUEST: ({ given: p }) => ({
    subject: str(p.request_id),
    state: str(p.kind),
    tool: str(p.tool),
    text: str(p.summary),
  }),
  INTERVENTION: ({ given: p }) => ({
    subject: str(p.request_id),
    state: str(p.kind),
    from_agent: str(p.by),
    text: str(p.text),
  }),
  PROPOSAL: ({ given: p }) => ({ subject: str(p.branch), text: str(p.title) }),
  PUBLICATION: ({ given: p }) => ({ subject: str(p.branch), state: str(p.state), text: str(p.url ?? p.message) }),
  VERDICT: ({ given: p }) => ({
    subject: str(p.subject),
    tool: str(p.gate),
    ok: flag(p.passed),
    text: str(p.findings),
  }),
  ROLLOUT: ({ given: p }) => ({ subject: str(p.image), state: str(p.action), text: str(p.reason) }),
  LESSON: ({ given: p }) => ({ text: str(p.text) }),
  ERROR: ({ given: p }) => ({ text: str(p.message), ok: 0, state: p.fatal === true ? "fatal" : "" }),
  GAP: ({ given: p }) => ({ text: str(p.why) }),
  ERASURE: ({ given: p }) => ({ subject: str(p.event), from_agent: str(p.by), text: str(p.reason) }),
};

/** Lifts the typed columns out of a payload; never throws, whatever the payload holds. */
export const projectColumns = (reading: Reading): Projected => ({ ...nothingProjected, ...tell(projections, reading) });
