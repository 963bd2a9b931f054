/** A store that is audited. */
export type AuditedStore = "ledger" | "archive" | "graph";

/**
 * What may be wrong. `missing`: it should be there and is not. `altered`: it is not what was written. `doubled`: it is there more than
 * once. `unchained`: it does not follow what stands before it. `unsigned`: its signature is missing, wrong, or of a key that is not
 * trusted. `unknown`: no frame or manifest says that it should be there. `held`: it was to be erased, and a lock of
 * its store holds it until a day; nobody is to blame.
 */
export const faultKinds = ["missing", "altered", "doubled", "unchained", "unsigned", "unknown", "held"] as const;

/** One of `faultKinds`. */
export type FaultKind = (typeof faultKinds)[number];

/** Something wrong with one frame, edge, file or manifest. */
export type Fault = {
  readonly store: AuditedStore;
  readonly kind: FaultKind;
  /** Whose: a chain as `<agent UID>/<epoch>`, or an object of the archive. */
  readonly subject: string;
  /** Place of the frame in its stream; undefined of what has none. */
  readonly place?: number | undefined;
  /** What it is about, such as `frame 17`. */
  readonly what: string;
  /** How many frames it is about; 1 without it. */
  readonly frames?: number;
};

/** Faults of one kind and subject in one store, told once. */
export type Finding = Omit<Fault, "frames" | "what"> & {
  readonly frames: number;
  /** What the first of them is about. */
  readonly first: string;
};

/** What tells a finding from others of the same stride. */
export const findingId = ({ store, kind, subject }: Pick<Fault, "store" | "kind" | "subject">): string =>
  `${store} ${kind} ${subject}`;

/** Gathers faults into findings, in the order of their first ones. */
export const gatherFindings = (faults: readonly Fault[]): Finding[] =>
  [...Map.groupBy(faults, findingId).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { store, kind, subject, place, what } = first;
    const frames = group.reduce((sum, { frames: more = 1 }) => sum + more, 0);
    return [{ store, kind, subject, place, frames, first: what }];
  });

const runbook = "docs/runbooks/record-differs.md";

const remedies: { readonly [S in AuditedStore]: Partial<Record<FaultKind, string>> & { readonly other: string } } = {
  ledger: {
    missing: "fill it from the archive: ENCHANTED_IMPORT_INTO=ledger main.js import in the siphon's pod",
    unchained: "frames before this one are in no store: look for GAP frames and the agent's scribe",
    other: "somebody wrote to the ledger: keep what is there, then take these rows out and fill it from the archive",
  },
  archive: {
    held: "nothing: the siphon erases it once its lock is over; sooner only who administrates the store can",
    unsigned:
      "somebody else than the siphon wrote the manifest, or its key is not in public.pem of the archive's key: find out who may write to the bucket, and restore the object from a copy",
    other: "restore the object from a copy of the bucket; a frame that only the ledger holds is lost there, or made up",
  },
  graph: {
    missing: "fill it from the archive: ENCHANTED_IMPORT_INTO=graph main.js import in the siphon's pod",
    other: "somebody wrote to the graph: empty it, and fill it from the archive",
  },
};

/** What to do about a finding, and where more stands. */
export const remedyOf = ({ store, kind }: Pick<Finding, "store" | "kind">): string =>
  `${remedies[store][kind] ?? remedies[store].other}; ${runbook}`;
