import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { AskedRequest } from "#supervisor/watch/ask-request.ts";
import type { WatchedRequest, WatchedRequests } from "#supervisor/watch/watched-requests.ts";
import { chooseNext, pauseMs, restMs, type Asking, type Candidate } from "#supervisor/watch/when-to-ask.ts";

// What is published meanwhile is not due sooner than this.
const idleMs = 60_000;

/** A forge as one namespace uses it: what one tenant's forge does makes no other tenant wait. */
const placeOf = ({ answered, end }: WatchedRequest): string => {
  const { url } = end.value.pullRequest;
  return `${answered.envelope.namespace} ${URL.canParse(url) ? new URL(url).origin : url}`;
};

/** What an agenda is made of. */
type AgendaOptions = {
  readonly requests: Pick<WatchedRequests, "all">;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
};

/** When each pull request is due, and which forges rest; known to this process alone: after a restart it is spread anew. */
export type Agenda = {
  /** Which is next, or how long nobody is due. */
  next(): { readonly name: string } | { readonly waitMs: number };
  answered(name: string, request: WatchedRequest): void;
  /** Puts one off that could not be asked about; answers how often in a row that was. */
  failed(name: string, request: WatchedRequest, why: Extract<AskedRequest, { kind: "later" }>): number;
};

/** Creates the agenda of one process. */
export const createAgenda = ({ requests, clock, random }: AgendaOptions): Agenda => {
  const askings = new Map<string, Asking>();
  const rests = new Map<string, { readonly untilMs: number; readonly failures: number }>();
  const servedAt = new Map<string, number>();
  let turns = 0;
  /** Its age is by the clock on the wall, which outlives processes; all else is not. */
  const pauseOf = (request: WatchedRequest, failures: number): number => pauseMs(request, failures, clock.now());
  const dueMsOf = (name: string, request: WatchedRequest): number => {
    const first = (): Asking => ({ dueMs: clock.monotonicMs() + random() * pauseOf(request, 0), failures: 0 });
    const known = askings.get(name) ?? first();
    askings.set(name, known);
    return Math.max(known.dueMs, rests.get(placeOf(request))?.untilMs ?? known.dueMs);
  };
  const forgetDropped = (all: ReadonlyMap<string, WatchedRequest>): void => {
    for (const name of askings.keys()) if (!all.has(name)) askings.delete(name);
    const [places, namespaces] = [new Set<string>(), new Set<string>()];
    for (const request of all.values()) {
      places.add(placeOf(request));
      namespaces.add(request.answered.envelope.namespace);
    }
    for (const place of rests.keys()) if (!places.has(place)) rests.delete(place);
    for (const namespace of servedAt.keys()) if (!namespaces.has(namespace)) servedAt.delete(namespace);
  };
  return {
    next: () => {
      const nowMs = clock.monotonicMs();
      const all = requests.all();
      forgetDropped(all);
      const candidates = [...all].map(([name, request]): Candidate => {
        const { namespace } = request.answered.envelope;
        return { name, namespace, dueMs: dueMsOf(name, request) };
      });
      const due = candidates.filter(({ dueMs }) => dueMs <= nowMs);
      const next = chooseNext(due, (namespace) => servedAt.get(namespace) ?? 0);
      if (next === undefined)
        return { waitMs: candidates.reduce((least, { dueMs }) => Math.min(least, Math.ceil(dueMs - nowMs)), idleMs) };
      servedAt.set(next.namespace, (turns += 1));
      return { name: next.name };
    },
    answered: (name, request) => {
      askings.set(name, { dueMs: clock.monotonicMs() + pauseOf(request, 0), failures: 0 });
      rests.delete(placeOf(request));
    },
    failed: (name, request, { isAway, afterMs = 0 }) => {
      const nowMs = clock.monotonicMs();
      const failures = (askings.get(name)?.failures ?? 0) + 1;
      askings.set(name, { dueMs: nowMs + pauseOf(request, failures), failures });
      if (!isAway) return failures;
      const rest = rests.get(placeOf(request))?.failures ?? 0;
      rests.set(placeOf(request), { untilMs: nowMs + restMs(rest, afterMs, random), failures: rest + 1 });
      return failures;
    },
  };
};
