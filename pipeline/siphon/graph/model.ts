/** Labels of what frames speak of: one node each, however many frames name it. */
export type ThingLabel = "Mission" | "Agent" | "Persona" | "File" | "Commit" | "PullRequest" | "Image";

/** Labels of the node of a frame; a `Rollback` is one of them beside `Rollout` or `Proposal`. */
export type EventLabel = "Decision" | "Change" | "Message" | "Proposal" | "Publication" | "Rollout" | "Lifecycle";

/** Value of a property. */
type Scalar = string | number | boolean;

/** Properties of a node or an edge; what is undefined is not there. */
export type Properties = Readonly<Record<string, Scalar | undefined>>;

/** A node that frames speak of; its properties are those of its first frame. */
export type Thing = { readonly label: ThingLabel; readonly key: string; readonly properties: Properties };

/** What every edge and every frame's node says of its frame. */
export type Stamp = {
  readonly agent_uid: string;
  readonly epoch: number;
  readonly seq: number;
  readonly event_id: string;
  /** When the recorder saw it, RFC 3339 in UTC with nine digits, which sort as text. */
  readonly at: string;
  readonly place: number;
  /** When the stream was created in which that is its place. */
  readonly stream: string;
  readonly commit?: string | undefined;
};

/** The node of a frame. */
export type EventNode = {
  readonly labels: readonly (EventLabel | "Rollback")[];
  readonly key: string;
  readonly stamp: Stamp;
  readonly properties: Properties;
};

/** Every kind of edge that follows from one frame by itself: the labels at its ends, and whether there is one a pair or one a frame. */
export const edgeKinds = {
  TRIGGERED_ACTION: { from: "Mission", to: "Agent", once: true },
  HAS_PERSONA: { from: "Agent", to: "Persona", once: true },
  MODIFIED: { from: "Agent", to: "File" },
  DECIDED: { from: "Agent", to: "Decision" },
  OF: { from: "Change", to: "File" },
  SENT: { from: "Agent", to: "Message" },
  PROPOSED: { from: "Agent", to: "Proposal" },
  PROPOSES: { from: "Proposal", to: "Commit" },
  ABOUT: { from: "Publication", to: "PullRequest" },
  PART_OF: { from: "Commit", to: "PullRequest", once: true },
  ROLLED_OUT: { from: "Rollout", to: "Image" },
  RAN: { from: "Agent", to: "Image", once: true },
  REVERTED_COMMIT: { from: "Rollback", to: "Commit", type: "REVERTED" },
  REVERTED_IMAGE: { from: "Rollback", to: "Image", type: "REVERTED" },
} as const satisfies Record<string, { from: string; to: string; once?: true; type?: string }>;

/** Name of a kind of edge. */
export type EdgeKind = keyof typeof edgeKinds;

/** An edge between two keys. */
export type Edge = { readonly kind: EdgeKind; readonly from: string; readonly to: string };

/** What a STATE_CHANGE says of a file's own dependencies: all of them, or with `deleted` that it has none any more. */
export type DependencyStatement = {
  /** Key of the file. */
  readonly file: string;
  /** Keys of the files that it depends on. */
  readonly on: readonly string[];
};

/** What the graph takes from one frame. */
export type Projected = {
  readonly event: EventNode;
  readonly things: readonly Thing[];
  readonly edges: readonly Edge[];
  readonly dependencies: readonly DependencyStatement[];
  /** Keys of the files that a proposal is about. */
  readonly proposedFiles: readonly string[];
};
