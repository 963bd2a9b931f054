import type { Clock } from "#nervous-system/kernel/clock.ts";
import { isNotFound, parseApiError } from "#nervous-system/kubernetes/errors.ts";
import type {
  ClientLimits,
  DeleteOptions,
  KubeClient,
  ListPage,
  MergePatch,
  RawRequest,
  Target,
  WatchRequest,
} from "#nervous-system/kubernetes/kube-client.ts";
import {
  apiVersionOf,
  collectionPath,
  type Draft,
  type KubeObject,
  type ObjectRef,
  objectPath,
  type ResourceKind,
} from "#nervous-system/kubernetes/resource-kind.ts";
import type { HttpRequest, Transport } from "#nervous-system/kubernetes/transport.ts";
import { createWatchDecoder } from "#nervous-system/kubernetes/watch-stream.ts";

/** What a client is made of. */
export type ClientOptions = ClientLimits & {
  transport: Transport;
  clock: Pick<Clock, "sleep">;
  /** Name under which our fields are owned. Default `enchanted-operator`. */
  fieldManager?: string;
};

const REQUEST_TIMEOUT_MS = 30_000;
const LIST_TIMEOUT_MS = 60_000;
// The server sheds load with 429 before it does anything, so trying again is safe; longer pauses are the caller's to plan.
const MAX_RETRIES = 3;
const MAX_RETRY_AFTER_MS = 5_000;
const SHEDDING = new Set([429, 503]);

const query = (fields: Readonly<Record<string, string | number | boolean | undefined>>): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  return parameters.size === 0 ? "" : `?${parameters.toString()}`;
};

const json = (value: unknown, contentType = "application/json"): NonNullable<HttpRequest["body"]> => ({
  contentType,
  text: JSON.stringify(value),
});

const describe = ({ method, path }: Pick<HttpRequest, "method" | "path">): string => `${method} ${path.split("?")[0]}`;

type Call = (request: RawRequest) => Promise<unknown>;

const createCall = ({ transport, clock, guard, timeoutMs }: ClientOptions): Call => {
  const attempt = async (request: HttpRequest, retriesLeft: number): Promise<unknown> => {
    const answer = await transport.send(request);
    if (answer.status < 300) return JSON.parse(answer.text);
    const error = parseApiError(describe(request), answer.status, answer.text, answer.retryAfter);
    const pauseMs = error.retryAfterMs;
    const again = SHEDDING.has(error.code) && pauseMs !== undefined && pauseMs <= MAX_RETRY_AFTER_MS && retriesLeft > 0;
    if (!again) throw error;
    await clock.sleep(pauseMs, request.signal);
    return attempt(request, retriesLeft - 1);
  };
  return (request) =>
    attempt(
      { timeoutMs: timeoutMs ?? REQUEST_TIMEOUT_MS, ...request, ...(guard && request.method !== "GET" && { guard }) },
      MAX_RETRIES,
    );
};

type ListQuery = NonNullable<Parameters<KubeClient["list"]>[1]>;
type RawList<T> = { items?: T[]; metadata: { resourceVersion: string; continue?: string } };

// Items of a typed list come without apiVersion and kind.
const pageOf = <T extends KubeObject>(kind: ResourceKind<T>, list: RawList<T>): ListPage<T> => {
  const typed = { apiVersion: apiVersionOf(kind), kind: kind.kind };
  return {
    items: (list.items ?? []).map((item) => ({ ...typed, ...item })),
    resourceVersion: list.metadata.resourceVersion,
    continueToken: list.metadata.continue || undefined,
  };
};

const watchOf =
  (transport: Transport) =>
  async <T extends KubeObject>(kind: ResourceKind<T>, watch: WatchRequest<T>): Promise<void> => {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds } = watch;
    const path =
      collectionPath(kind, namespace) +
      query({ watch: true, allowWatchBookmarks: true, labelSelector, fieldSelector, resourceVersion, timeoutSeconds });
    const timeoutMs = timeoutSeconds * 1000 + watch.graceMs;
    const request: HttpRequest = { method: "GET", path, timeoutMs, signal: watch.signal };
    const answer = await transport.stream(request, createWatchDecoder(watch.onEvent));
    if (answer.status !== 200) {
      throw parseApiError(describe(request), answer.status, answer.text, answer.retryAfter);
    }
  };

const readsOf = (call: Call): Pick<KubeClient, "get" | "find" | "list"> => {
  const get = async <T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef): Promise<T> =>
    (await call({ method: "GET", path: objectPath(kind, ref) })) as T;
  return {
    get,
    find: (kind, ref) =>
      get(kind, ref).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    list: async <T extends KubeObject>(
      kind: ResourceKind<T>,
      { namespace, labelSelector, fieldSelector, limit, continueToken, signal }: ListQuery = {},
    ) => {
      const path =
        collectionPath(kind, namespace) + query({ labelSelector, fieldSelector, limit, continue: continueToken });
      return pageOf(kind, (await call({ method: "GET", path, signal, timeoutMs: LIST_TIMEOUT_MS })) as RawList<T>);
    },
  };
};

type Writes = Pick<KubeClient, "create" | "apply" | "patch" | "patchStatus" | "delete">;

const MERGE_PATCH = "application/merge-patch+json";
// JSON is YAML; the API server knows an apply by this media type only.
const APPLY_PATCH = "application/apply-patch+yaml";

const writesOf = (call: Call, fieldManager: string): Writes => {
  const mergePatch = async <T extends KubeObject>(
    kind: ResourceKind<T>,
    { uid, resourceVersion, ...ref }: Target,
    patch: MergePatch,
    subresource?: string,
  ): Promise<T> => {
    const metadata = { ...(patch["metadata"] as MergePatch | undefined), uid, resourceVersion };
    const path = objectPath(kind, ref, subresource) + query({ fieldManager });
    return (await call({ method: "PATCH", path, body: json({ ...patch, metadata }, MERGE_PATCH) })) as T;
  };
  return {
    create: async <T extends KubeObject>(
      kind: ResourceKind<T>,
      draft: Draft<T>,
      options: { dryRun?: boolean } = {},
    ) => {
      const path =
        collectionPath(kind, draft.metadata.namespace) +
        query({ fieldManager, dryRun: options.dryRun ? "All" : undefined });
      return (await call({ method: "POST", path, body: json(draft) })) as T;
    },
    apply: async <T extends KubeObject>(kind: ResourceKind<T>, draft: Draft<T>) => {
      const path = objectPath(kind, draft.metadata) + query({ fieldManager, force: true });
      return (await call({ method: "PATCH", path, body: json(draft, APPLY_PATCH) })) as T;
    },
    patch: (kind, target, patch) => mergePatch(kind, target, patch),
    patchStatus: (kind, target, status) => mergePatch(kind, target, { status }, "status"),
    delete: async (kind, { uid, ...ref }, { resourceVersion, ...options }: DeleteOptions = {}) => {
      const preconditions = { uid, ...(resourceVersion !== undefined && { resourceVersion }) };
      const body = json({ apiVersion: "v1", kind: "DeleteOptions", ...options, preconditions });
      await call({ method: "DELETE", path: objectPath(kind, ref), body }).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    },
  };
};

/** Creates a client over a transport. */
export const createKubeClient = (options: ClientOptions): KubeClient => {
  const call = createCall(options);
  return {
    ...readsOf(call),
    ...writesOf(call, options.fieldManager ?? "enchanted-operator"),
    watch: watchOf(options.transport),
    with: (limits) => createKubeClient({ ...options, ...limits }),
    request: call,
  };
};
