import type { Draft, KubeObject, ObjectRef, ResourceKind } from "#nervous-system/kubernetes/resource-kind.ts";
import type { HttpRequest } from "#nervous-system/kubernetes/transport.ts";
import type { WatchEvent } from "#nervous-system/kubernetes/watch-stream.ts";

/** Which objects of a collection. */
export type Selection = {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
};

/** One page of a list; `continueToken` is set while there are more. */
export type ListPage<T> = { items: T[]; resourceVersion: string; continueToken: string | undefined };

/** The object as its writer read it: a write is refused (409 Conflict) when uid or resourceVersion no longer match. */
export type Target = ObjectRef & { uid: string; resourceVersion: string };

/** How to delete; `resourceVersion` makes the delete conditional on nothing having changed. */
export type DeleteOptions = {
  resourceVersion?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: "Background" | "Foreground" | "Orphan" | undefined;
};

/** A JSON merge patch (RFC 7386): `null` removes a field. */
export type MergePatch = { readonly [field: string]: unknown };

/** What a watch is asked for. The server ends it after `timeoutSeconds`; without an end `graceMs` later it counts as half-open. */
export type WatchRequest<T extends KubeObject> = Selection & {
  resourceVersion: string;
  timeoutSeconds: number;
  graceMs: number;
  onEvent: (event: WatchEvent<T>) => void;
  signal?: AbortSignal | undefined;
};

/** A request by path; the time limit defaults to 30 s. */
export type RawRequest = Omit<HttpRequest, "timeoutMs" | "guard"> & { timeoutMs?: number };

/** Limits of a client's requests. */
export type ClientLimits = {
  /** Asked just before each write leaves; when it throws, nothing leaves. The fence of a leader. */
  guard?: () => void;
  /** How long a request may take, in milliseconds; default 30 s, lists 60 s. Watches have their own. */
  timeoutMs?: number;
};

/**
 * The API server. Answers are the server's objects; failures are `ApiError` (it refused) or `ConnectionError` (no
 * answer, so a write may or may not have happened).
 */
export type KubeClient = {
  get<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef): Promise<T>;
  /** As `get`, but `undefined` where the object does not exist. */
  find<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef): Promise<T | undefined>;
  /** One page; without `limit` everything. */
  list<T extends KubeObject>(
    kind: ResourceKind<T>,
    query?: Selection & {
      limit?: number | undefined;
      continueToken?: string | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<ListPage<T>>;
  /** Resolves when the server ends the watch; rejects when it refuses it or the connection fails. */
  watch<T extends KubeObject>(kind: ResourceKind<T>, request: WatchRequest<T>): Promise<void>;
  /** Rejects with `AlreadyExists` where the name is taken. With `dryRun` everything is judged and nothing is stored. */
  create<T extends KubeObject>(kind: ResourceKind<T>, draft: Draft<T>, options?: { dryRun?: boolean }): Promise<T>;
  /** Server-side apply by our field manager, with force; metadata.uid and resourceVersion in the draft are preconditions. */
  apply<T extends KubeObject>(kind: ResourceKind<T>, draft: Draft<T>): Promise<T>;
  /** Merge patch of the object as it was read: finalizers, annotations. */
  patch<T extends KubeObject>(kind: ResourceKind<T>, target: Target, patch: MergePatch): Promise<T>;
  /** Merge patch of the status as it was read. */
  patchStatus<T extends KubeObject>(kind: ResourceKind<T>, target: Target, status: MergePatch): Promise<T>;
  /** Deletes exactly the object with that uid; an object that is gone already is success. */
  delete(kind: ResourceKind, target: ObjectRef & { uid: string }, options?: DeleteOptions): Promise<void>;
  /** A client over the same connections with other limits. */
  with(limits: ClientLimits): KubeClient;
  /** Sends a plain request, for what the methods above do not cover (raw paths, subresources). */
  request(request: RawRequest): Promise<unknown>;
};
