import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { ComponentRecorder } from "#nervous-system/recorder/component.ts";
import { renderLaterPublication, type Answered, type PublishedEnd } from "#supervisor/publish/publication-frame.ts";
import { createAgenda, type Agenda } from "#supervisor/watch/agenda.ts";
import type { AskedRequest } from "#supervisor/watch/ask-request.ts";
import { newsOf } from "#supervisor/watch/judge-request.ts";
import type { WatchedRequest, WatchedRequests } from "#supervisor/watch/watched-requests.ts";
import { betweenMs, watchedForMs } from "#supervisor/watch/when-to-ask.ts";

/** What the watch over pull requests is made of. */
export type Watch = {
  readonly requests: WatchedRequests;
  ask(request: WatchedRequest): Promise<AskedRequest>;
  readonly record: Pick<ComponentRecorder, "write">;
  readonly clock: Pick<Clock, "now" | "monotonicMs" | "sleep">;
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

const factsOf = ({ answered: { envelope }, end }: WatchedRequest) => ({
  mission: envelope.mission,
  namespace: envelope.namespace,
  url: end.value.pullRequest.url,
});

/** Tells first and forgets then: whoever is killed in between tells the same again, under the same id. */
const tellNews = async (watch: Watch, name: string, asked: AskedRequest): Promise<void> => {
  // A later proposal may have been pushed to it meanwhile: it is that one whose pull request it is now.
  const request = watch.requests.all().get(name);
  if (asked.kind !== "ok" || request === undefined) return;
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
  await tellNews(watch, name, asked);
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
