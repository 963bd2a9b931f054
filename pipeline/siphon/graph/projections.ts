import type { ByType, Said } from "#nervous-system/fold/read-frame.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import { keyOf } from "#pipeline/siphon/graph/keys.ts";
import type { Edge, Projected, Properties } from "#pipeline/siphon/graph/model.ts";
import { commitOf, fileOf, imageOf, isSaid, nameOf, pullRequestOf, textOf } from "#pipeline/siphon/graph/things.ts";

/** Whose payload it is. */
type Context = {
  readonly envelope: Envelope;
  /** Key of the frame's node. */
  readonly event: string;
  /** Key of the agent that wrote it. */
  readonly agent: string;
  /** Key of its mission. */
  readonly mission: string;
};

/** What a payload adds to the node of its frame, and to the graph. */
type Told = Partial<Omit<Projected, "event">> &
  Pick<Projected["event"], "labels"> & { readonly properties?: Properties };

// A frame has room for tens of thousands of paths, each of which would be a node for ever.
const MAX_FILES = 500;

const edge = (kind: Edge["kind"], from: string, to: string): Edge => ({ kind, from, to });

/** Commits that a text says to revert, in the words that `git revert` writes. */
const revertedIn = (text = ""): string[] =>
  [...text.matchAll(/^This reverts commit ([0-9a-f]{40,64})\b/gm)].flatMap(([, sha]) => sha ?? []);

/** Whether a rollout's action takes a version back. */
const isRollback = (action = ""): boolean => /^(rollback|roll(ed)?[ _-]?back|revert(ed)?)$/i.test(action);

/** What a change states of its file's dependencies: all of them, or none any more where the file is gone. */
const statedIn = (
  { change, depends_on, old_path }: Said<"STATE_CHANGE">,
  file: string,
  envelope: Envelope,
): Pick<Projected, "things" | "dependencies"> => {
  const left = change === "renamed" && isSaid(old_path) ? [fileOf(envelope, old_path)] : [];
  const named = change === "deleted" ? [] : depends_on;
  const on = (named ?? [])
    .filter(isSaid)
    .slice(0, MAX_FILES)
    .map((path) => fileOf(envelope, path));
  const gone = left.map(({ key }) => ({ file: key, on: [] }));
  const stated = named === undefined ? [] : [{ file, on: on.map(({ key }) => key) }];
  return { things: [...left, ...on], dependencies: [...gone, ...stated] };
};

/** What each frame type adds; a type without a line is not in the graph. */
export const projections: Partial<ByType<(context: Context) => Told>> = {
  DECISION_RATIONALE:
    ({ said: p }) =>
    ({ agent, event }) => ({
      labels: ["Decision"],
      properties: {
        reasoning: textOf(p.reasoning),
        selected_strategy: textOf(p.selected_strategy),
        confidence: p.confidence_score,
      },
      edges: [edge("DECIDED", agent, event)],
    }),
  STATE_CHANGE:
    ({ said: p }) =>
    (context) => {
      const { change, lines_added, lines_removed, observed_by, file_modified: path } = p;
      const properties = { change, lines_added, lines_removed, observed_by: nameOf(observed_by), path: textOf(path) };
      if (!isSaid(path)) return { labels: ["Change"], properties };
      const file = fileOf(context.envelope, path);
      const { things, dependencies } = statedIn(p, file.key, context.envelope);
      return {
        labels: ["Change"],
        properties: { ...properties, file: file.key },
        things: [file, ...things],
        edges: [edge("MODIFIED", context.agent, file.key), edge("OF", context.event, file.key)],
        dependencies,
      };
    },
  MESSAGE:
    ({ said: p }) =>
    ({ agent, event, mission }) => ({
      labels: ["Message"],
      properties: {
        mission: mission,
        to: nameOf(p.to),
        channel: nameOf(p.channel),
        subject: textOf(p.subject),
        text: textOf(p.text),
      },
      edges: [edge("SENT", agent, event)],
    }),
  PROPOSAL:
    ({ said: p }) =>
    (context) => {
      const head = isSaid(p.head) ? [commitOf(context.envelope, p.head)] : [];
      const reverted = revertedIn(p.body).map((sha) => commitOf(context.envelope, sha));
      const files = (p.files ?? []).slice(0, MAX_FILES).map(({ path }) => fileOf(context.envelope, path));
      return {
        labels: reverted.length > 0 ? ["Proposal", "Rollback"] : ["Proposal"],
        properties: { title: textOf(p.title), repo: textOf(p.repo), branch: nameOf(p.branch) },
        things: [...head, ...reverted, ...files],
        edges: [
          edge("PROPOSED", context.agent, context.event),
          ...head.map(({ key }) => edge("PROPOSES", context.event, key)),
          ...reverted.map(({ key }) => edge("REVERTED_COMMIT", context.event, key)),
        ],
        proposedFiles: files.map(({ key }) => key),
      };
    },
  PUBLICATION:
    ({ said: p }) =>
    (context) => {
      const { namespace, about } = context.envelope;
      const { proposal_seq: seq = 0, url, state, number } = p;
      const answered = about && seq > 0 ? keyOf(namespace, about.agent_uid, about.epoch, seq) : undefined;
      const properties = { state, proposal: answered, reason: nameOf(p.reason) };
      if (!isSaid(url)) return { labels: ["Publication"], properties };
      const request = pullRequestOf(context.envelope, url, number);
      const commits = [p.head, p.merge_commit].filter(isSaid).map((sha) => commitOf(context.envelope, sha));
      return {
        labels: ["Publication"],
        properties,
        things: [request, ...commits],
        edges: [
          edge("ABOUT", context.event, request.key),
          ...commits.map(({ key }) => edge("PART_OF", key, request.key)),
        ],
      };
    },
  ROLLOUT:
    ({ said: p }) =>
    (context) => {
      const images = isSaid(p.digest) ? [imageOf(context.envelope, p.digest, p.image)] : [];
      const back = isRollback(p.action);
      return {
        labels: back ? ["Rollout", "Rollback"] : ["Rollout"],
        properties: { action: nameOf(p.action), percent: p.percent, step: p.step, reason: textOf(p.reason) },
        things: images,
        edges: images.map(({ key }) => edge(back ? "REVERTED_IMAGE" : "ROLLED_OUT", context.event, key)),
      };
    },
  LIFECYCLE:
    ({ said: p }) =>
    (context) => {
      const images = isSaid(p.image_digest) ? [imageOf(context.envelope, p.image_digest)] : [];
      return {
        labels: ["Lifecycle"],
        properties: { phase: p.phase, attempt: p.attempt, reason: nameOf(p.reason) },
        things: images,
        edges: images.map(({ key }) => edge("RAN", context.agent, key)),
      };
    },
};
