import type { UsageFold } from "#nervous-system/fold/state.ts";
import type { KubeObject } from "#nervous-system/kubernetes/resource-kind.ts";
import type { Usage } from "#nervous-system/schemas/resources/status-parts.ts";
import { nanoUsdOf, renderUsd } from "#nervous-system/schemas/usd.ts";
import { annotation } from "#nervous-system/schemas/names.ts";

/** RFC 3339 to the second, as Kubernetes writes times. */
export const kubeTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** What an object asked for when its status was computed. */
type Observed = { observedGeneration: number; lastHandledReconcileAt?: string };

/** Which generation, and which request of a person to look again, a status answers. */
export const observedOf = ({ metadata }: KubeObject): Observed => {
  const requestedAt = metadata.annotations?.[annotation.requestedAt];
  return {
    observedGeneration: metadata.generation ?? 0,
    ...(requestedAt === undefined ? {} : { lastHandledReconcileAt: requestedAt.slice(0, 128) }),
  };
};

const counts = ["inputTokens", "outputTokens", "modelCalls", "frames"] as const;

type Counted = Omit<Usage, "stream" | "before">;
type Joining = (a: number, b: number) => number;

/** Two usages made one, member by member. */
const join = (one: Counted, other: Counted, joined: Joining): Counted => {
  const cost = [one, other].flatMap(({ costUSD }) => (costUSD === undefined ? [] : [nanoUsdOf(costUSD)]));
  return {
    ...Object.fromEntries(counts.map((name) => [name, joined(one[name] ?? 0, other[name] ?? 0)])),
    ...(cost.length === 0 ? {} : { costUSD: renderUsd(cost.reduce(joined)) }),
  };
};

const add: Joining = (a, b) => Math.min(a + b, Number.MAX_SAFE_INTEGER);
const larger: Joining = (a, b) => Math.max(a, b);

const foldedUsage = ({ nanoUsd, ...counted }: UsageFold): Counted => ({
  ...counted,
  ...(nanoUsd === undefined ? {} : { costUSD: renderUsd(nanoUsd) }),
});

/** What is told of streams that are gone: all that was told, where frames are read of another stream now. */
const goneBefore = (told: Usage, stream: string | undefined): Counted | undefined => {
  if (stream === undefined || told.stream === undefined || told.stream === stream) return told.before;
  const { stream: _, before: __, ...gone } = told;
  return gone;
};

/**
 * Usage as it is told next, of the frames that were folded of the stream that was created then. No member ever falls: who began to
 * read behind what was told, or reads it again, knows less; and a stream that was made anew begins at nothing, so it is added to what
 * was told of the one before.
 */
export const usageAfter = (
  told: Usage | undefined,
  folded: UsageFold | undefined,
  stream: string | undefined,
): Usage | undefined => {
  if (folded === undefined) return told;
  const { stream: last, ...before } = told ?? {};
  const gone = goneBefore(told ?? {}, stream);
  const now = foldedUsage(folded);
  return {
    ...join(before, gone === undefined ? now : join(gone, now, add), larger),
    stream: stream ?? last,
    before: gone,
  };
};
