import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "#nervous-system/kernel/log.ts";
import { replaceFile } from "#nervous-system/kernel/replace-file.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { Answered, PublishedEnd } from "#supervisor/publish/publication-frame.ts";

/** A pull request that was published and may still be merged, with what was told of it last. */
export type WatchedRequest = {
  readonly answered: Answered;
  readonly end: PublishedEnd;
  /** When it was published, Unix milliseconds. */
  readonly sinceMs: number;
};

/** How many are watched, and how many of one namespace. */
export type WatchBounds = { readonly most: number; readonly mostOfNamespace: number };

/** Pull requests that the forge is asked about, kept on the publisher's own claim. */
export type WatchedRequests = {
  /** All of them by name, the oldest first. */
  all(): ReadonlyMap<string, WatchedRequest>;
  /** Keeps one, in place of what was known of the same; where there is no room on the disk it is not watched. */
  keep(request: WatchedRequest): Promise<void>;
  drop(name: string): Promise<void>;
};

const ending = ".json";

/** What a pull request of a mission is known by. */
const nameOfRequest = ({ answered, end }: Pick<WatchedRequest, "answered" | "end">): string =>
  stableId("pull request", answered.envelope.mission_uid, String(end.value.pullRequest.number));

// Of the frame only what its answers name: its bytes may be large.
const kept = ({ answered: { envelope, hash }, end, sinceMs }: WatchedRequest): WatchedRequest => {
  const { agent_uid, epoch, seq, mission_uid, mission, namespace, lineage, event_id, trace_id, span_id } = envelope;
  const own = { agent_uid, epoch, seq, mission_uid, mission, namespace, lineage, event_id, trace_id, span_id };
  return { answered: { envelope: own, hash }, end, sinceMs };
};

const namespaceOf = ({ answered }: WatchedRequest): string => answered.envelope.namespace;

/** The one to let go of where there are too many: the oldest of its namespace, else of the namespace that has the most. */
const surplusOf = (
  requests: ReadonlyMap<string, WatchedRequest>,
  added: WatchedRequest,
  { most, mostOfNamespace }: WatchBounds,
): string | undefined => {
  const all = Map.groupBy(requests, ([, request]) => namespaceOf(request));
  const own = all.get(namespaceOf(added)) ?? [];
  if (own.length > mostOfNamespace) return own[0]?.[0];
  if (requests.size <= most) return undefined;
  const largest = [...all.values()].reduce((a, b) => (b.length > a.length ? b : a));
  return largest[0]?.[0];
};

type Directory = { readonly path: string; readonly log: Pick<Log, "warn"> };

const readAll = async ({ path, log }: Directory): Promise<Map<string, WatchedRequest>> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found: WatchedRequest[] = [];
  for (const name of await readdir(path)) {
    try {
      if (name.endsWith(ending)) found.push(JSON.parse(await readFile(join(path, name), "utf8")) as WatchedRequest);
      else await rm(join(path, name));
    } catch (error) {
      log.warn({ name, error: String(error) }, "a watched pull request cannot be read; it is watched no more");
      await rm(join(path, name), { force: true });
    }
  }
  const inOrder = found.toSorted((a, b) => a.sinceMs - b.sinceMs);
  return new Map(inOrder.map((request) => [nameOfRequest(request), request]));
};

/** Opens what a directory keeps. */
export const openWatchedRequests = async (
  path: string,
  bounds: WatchBounds,
  log: Pick<Log, "warn">,
): Promise<WatchedRequests> => {
  const requests = await readAll({ path, log });
  const fileOf = (name: string): string => join(path, name + ending);
  const drop = async (name: string): Promise<void> => {
    requests.delete(name);
    await rm(fileOf(name), { force: true });
  };
  return {
    all: () => requests,
    keep: async (given) => {
      const request = kept(given);
      const name = nameOfRequest(request);
      try {
        await replaceFile(fileOf(name), JSON.stringify(request));
      } catch (error) {
        const { url } = request.end.value.pullRequest;
        log.warn({ url, error: String(error) }, "a pull request is not watched: there is no room for its note");
        return;
      }
      requests.set(name, request);
      const surplus = surplusOf(requests, request, bounds);
      if (surplus !== undefined) await drop(surplus);
    },
    drop,
  };
};
