import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { annotation } from "#nervous-system/schemas/names.ts";
import type { CheckAnswer, GatewayCheck } from "#operator/gateway/check.ts";

/** The gateway's last word on a Model, and when it is asked again. */
type Probe = { answer: CheckAnswer; probedAtMs: number; recheckMs: number };

/** Asks the gateway about Models, no more often than is useful: a reconcile that has another cause does not ask again. */
export type Probes = {
  of(model: Model): Promise<Probe>;
  forget(uid: string): void;
};

/** How often to ask, in milliseconds. */
export type ProbeTimes = { readyMs: number; firstRetryMs: number };

/** Five minutes while all is well, from two seconds up to that while it is not. */
export const probeTimes: ProbeTimes = { readyMs: 300_000, firstRetryMs: 2_000 };

type Remembered = Probe & { version: string; dueMs: number; failures: number };

// What makes an answer out of date before its time: another spec, or a person who asks.
const versionOf = ({ metadata }: Model): string =>
  `${metadata.generation ?? 0}/${metadata.annotations?.[annotation.requestedAt] ?? ""}`;

/** Creates an empty memory of probes. */
export const createProbes = (
  check: GatewayCheck,
  clock: Pick<Clock, "now" | "monotonicMs">,
  times: ProbeTimes,
): Probes => {
  const known = new Map<string, Remembered>();
  const ask = async (model: Model, last: Remembered | undefined): Promise<Remembered> => {
    const { namespace = "", name } = model.metadata;
    const answer = await check({ kind: "Model", namespace, name });
    const well = answer.kind === "answered" && answer.ok;
    const failures = well ? 0 : (last?.failures ?? 0) + 1;
    const recheckMs = well
      ? times.readyMs
      : Math.min(times.readyMs, times.firstRetryMs * 2 ** Math.min(20, failures - 1));
    return {
      answer,
      probedAtMs: clock.now(),
      recheckMs,
      version: versionOf(model),
      dueMs: clock.monotonicMs() + recheckMs,
      failures,
    };
  };
  return {
    of: async (model) => {
      const { uid } = model.metadata;
      const last = known.get(uid);
      const remainingMs = last === undefined ? 0 : last.dueMs - clock.monotonicMs();
      if (last !== undefined && last.version === versionOf(model) && remainingMs > 0)
        return { ...last, recheckMs: remainingMs };
      const probe = await ask(model, last?.version === versionOf(model) ? last : undefined);
      known.set(uid, probe);
      return probe;
    },
    forget: (uid) => void known.delete(uid),
  };
};
