import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { renderLaterPublication, type Answered, type PublishedEnd } from "#supervisor/publish/publication-frame.ts";
import type { AskedRequest } from "#supervisor/watch/ask-request.ts";
import { newsOf } from "#supervisor/watch/judge-request.ts";
import type { WatchedRequest, WatchedRequests } from "#supervisor/watch/watched-requests.ts";
import {
  betweenMs,
  chooseNext,
  pauseMs,
  restMs,
  watchedForMs,
  type Asking,
  type Candidate,
} from "#supervisor/watch/when-to-ask.ts";

/** What the watch over pull requests is made of. */
export type Watch = {
  readonly requests: WatchedRequests;
  ask(request: WatchedRequest): Promise<AskedRequest>;
  readonly record: Pick<ComponentRecorder, "write">;
  readonly clock: Pick<Clock, "now" | "sleep">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly onNews: (state: string) => void;
};

/** Watches what was just published; what is merged already becomes nothing else. */
export const watchPublished = async (
  { requests, clock }: Pick<Watch, "requests"> & { readonly clock: Pick<Clock, "now"> },
  answered: Answered,
  end: PublishedEnd,
): Promise<void> => {
  if (end.value.pullRequest.state !== "merged") await requests.keep({ answered, end, sinceMs: clock.now() });
};

// What is published meanwhile is not due sooner than this.
const idleMs = 60_000;

/** A forge as one namespace uses it: what one tenant's forge does makes no other tenant wait. */
const placeOf = ({ answered, end }: WatchedRequest): string => {
  const { url } = end.value.pullRequest;
  return `${answered.envelope.namespace} ${URL.canParse(url) ? new URL(url).origin : url}`;
};

/** When each pull request is due, and which forges rest; known to this process alone: after a restart it is spread anew. */
const createAgenda = ({ requests, clock, random }: Watch) => {
  const askings = new Map<string, Asking>();
  const rests = new Map<string, { readonly untilMs: number; readonly failures: number }>();
  const servedAt = new Map<string, number>();
  let turns = 0;
  const dueMsOf = (name: string, request: WatchedRequest, nowMs: number): number => {
    const known = askings.get(name) ?? { dueMs: nowMs + random() * pauseMs(request, 0, nowMs), failures: 0 };
    askings.set(name, known);
    return Math.max(known.dueMs, rests.get(placeOf(request))?.untilMs ?? 0);
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
    /** Which is next, or how long nobody is due. */
    next: (): { readonly name: string } | { readonly waitMs: number } => {
      const nowMs = clock.now();
      const all = requests.all();
      forgetDropped(all);
      const candidates = [...all].map(([name, request]): Candidate => {
        const { namespace } = request.answered.envelope;
        return { name, namespace, dueMs: dueMsOf(name, request, nowMs) };
      });
      const due = candidates.filter(({ dueMs }) => dueMs <= nowMs);
      const next = chooseNext(due, (namespace) => servedAt.get(namespace) ?? 0);
      if (next === undefined)
        return { waitMs: candidates.reduce((least, { dueMs }) => Math.min(least, dueMs - nowMs), idleMs) };
      servedAt.set(next.namespace, (turns += 1));
      return { name: next.name };
    },
    answered: (name: string, request: WatchedRequest): void => {
      const nowMs = clock.now();
      askings.set(name, { dueMs: nowMs + pauseMs(request, 0, nowMs), failures: 0 });
      rests.delete(placeOf(request));
    },
    failed: (
      name: string,
      request: WatchedRequest,
      { isAway, afterMs = 0 }: Extract<AskedRequest, { kind: "later" }>,
    ) => {
      const nowMs = clock.now();
      const failures = (askings.get(name)?.failures ?? 0) + 1;
      askings.set(name, { dueMs: nowMs + pauseMs(request, failures, nowMs), failures });
      if (!isAway) return failures;
      const rest = rests.get(placeOf(request))?.failures ?? 0;
      rests.set(placeOf(request), { untilMs: nowMs + restMs(rest, afterMs, random), failures: rest + 1 });
      return failures;
    },
  };
};

type Agenda = ReturnType<typeof createAgenda>;

const factsOf = ({ answered: { envelope }, end }: WatchedRequest) => ({
  mission: envelope.mission,
  namespace: envelope.namespace,
  url: end.value.pullRequest.url,
});

/** Tells first and forgets then: whoever is killed in between tells the same again, under the same id. */
const tellNews = async (watch: Watch, name: string, request: WatchedRequest, asked: AskedRequest): Promise<void> => {
  if (asked.kind !== "ok") return;
  const news = newsOf(request, asked.pullRequest);
  if (news === undefined) return;
  const { state } = news.end.value.pullRequest;
  await watch.record.write(renderLaterPublication(request.answered, news.end));
  if (news.isLast) await watch.requests.drop(name);
  else await watch.requests.keep({ ...request, end: news.end });
  watch.onNews(state);
  watch.log.info(factsOf(request), `a pull request is ${state}`);
};

const askAbout = async (watch: Watch, agenda: Agenda, name: string, signal: AbortSignal): Promise<void> => {
  const request = watch.requests.all().get(name);
  if (request === undefined) return;
  if (watch.clock.now() - request.sinceMs > watchedForMs) return watch.requests.drop(name);
  const asked = await untilAborted(watch.ask(request), signal);
  if (asked.kind === "gone") {
    watch.log.info(factsOf(request), `a pull request is watched no more: ${asked.message}`);
    return watch.requests.drop(name);
  }
  if (asked.kind === "ok") agenda.answered(name, request);
  else if (agenda.failed(name, request, asked) === 1)
    watch.log.warn(factsOf(request), `a pull request cannot be asked about: ${asked.message}`);
  await tellNews(watch, name, request, asked);
};

/**
 * Asks forges about published pull requests, one at a time, and tells once of each that is merged or closed, until the signal aborts.
 * Rejects when the record cannot be written: a restart asks again.
 */
export const runWatch = async (watch: Watch, signal: AbortSignal): Promise<void> => {
  const agenda = createAgenda(watch);
  try {
    while (!signal.aborted) {
      const next = agenda.next();
      if ("name" in next) await askAbout(watch, agenda, next.name, signal);
      await watch.clock.sleep("name" in next ? betweenMs : next.waitMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
