import { toBinary } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata, recordStateMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import { RecordStateResponseSchema, type RecordStateResponse } from "#nervous-system/schemas/gen/context_pb.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { storeFailure } from "#pipeline/collector/context-service.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { readRecordState, withoutWords, type RecordStateSources } from "#pipeline/collector/read-record-state.ts";

/** What telling the state of the record needs. */
export type RecordStateOptions = RecordStateSources & {
  readonly identify: Identify;
  /** Whoever may read this namespace's record sees all. */
  readonly releaseNamespace: string;
};

/** Whoever asks oftener hears the same again: each answer makes consumers in NATS. */
const KEPT_MS = 5_000;
const MOST_KEPT = 500;

/** Reads each namespace's state, or that of all, at most once in five seconds. */
const createKeptStates = (
  sources: RecordStateSources,
): ((namespace: string | undefined) => Promise<RecordStateResponse>) => {
  const kept = new Map<string, { readonly atMs: number; readonly state: Promise<RecordStateResponse> }>();
  return (namespace) => {
    const key = namespace ?? "";
    const known = kept.get(key);
    if (known !== undefined && sources.clock.now() - known.atMs < KEPT_MS) return known.state;
    kept.delete(key);
    const [oldest] = kept.keys();
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    const state = readRecordState(sources, namespace);
    state.catch(() => kept.delete(key)); // the next one asks anew
    kept.set(key, { atMs: sources.clock.now(), state });
    return state;
  };
};

/** Whether a caller may see what concerns others: a user who names the release's namespace and may read its record. */
const maySeeAll = async (
  { identify, releaseNamespace }: RecordStateOptions,
  { namespace, principal }: Caller,
  token: string | undefined,
): Promise<boolean> => {
  if (principal === undefined || namespace !== releaseNamespace) return false;
  try {
    await identify(token, namespace, { use: "get" });
    return true;
  } catch (error) {
    if (error instanceof GrpcFailure && error.code === grpcStatus.permissionDenied) return false;
    throw error;
  }
};

/** `ContextService/RecordState`: how the stores keep up, for whoever records. */
export const createRecordState = (options: RecordStateOptions): GrpcHandler => {
  const stateOf = createKeptStates(options);
  return {
    kind: "unary",
    method: recordStateMethod,
    handle: async (_request, { token, metadata }) => {
      const caller = await options.identify(token, metadata(namespaceMetadata));
      const isWhole = await maySeeAll(options, caller, token);
      try {
        const state = isWhole ? await stateOf(undefined) : withoutWords(await stateOf(caller.namespace));
        return Buffer.from(toBinary(RecordStateResponseSchema, state));
      } catch (error) {
        throw storeFailure(error);
      }
    },
  };
};
