import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata, recallMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { cut } from "#nervous-system/kernel/cut.ts";
import { createFairSlots } from "#nervous-system/kernel/fair-slots.ts";
import { createTokenBuckets } from "#nervous-system/kernel/token-bucket.ts";
import { RecallRequestSchema, RecallResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import type { AskRecall, RecalledLesson, RecallQuery } from "#pipeline/collector/ask-recall.ts";
import { isComponent, type Caller } from "#pipeline/collector/caller.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { createLimitPerAgent } from "#pipeline/collector/limit-per-agent.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";

/** What recall needs. */
export type RecallOptions = {
  readonly identify: Identify;
  /** Absent where there is no reader: nothing is recalled then. */
  readonly ask: AskRecall | undefined;
  readonly clock: Pick<Clock, "monotonicMs">;
};

// As many as the reader answers of one user at once.
const MAX_AT_ONCE = 4;
const MAX_OF_AGENT = 2;
const ofAgent = { perSecond: 1, burst: 20 };
const ofNamespace = { perSecond: 4, burst: 80 };
const MAX_CALLERS = 10_000;
// The first text that is embedded waits for its model to be loaded.
const ANSWER_MS = 8_000;
const MAX_TEXT = 2_000;
const MAX_NAMES = 64;

type Answer = MessageInitShape<typeof RecallResponseSchema>;

const lessonOf = ({ event_id, text, place, libraries, files, ...lesson }: RecalledLesson) => ({
  ...lesson,
  eventId: event_id,
  text: cut(text, MAX_TEXT),
  place: BigInt(place),
  libraries: libraries.slice(0, MAX_NAMES),
  files: files.slice(0, MAX_NAMES),
});

/** Rates of agents and namespaces; throws UNAVAILABLE, with RetryInfo. */
const createRates = (clock: RecallOptions["clock"]) => {
  const agents = createTokenBuckets(ofAgent, clock, MAX_CALLERS);
  const namespaces = createTokenBuckets(ofNamespace, clock, MAX_CALLERS);
  return ({ agentUid, namespace }: Caller): void => {
    const waitMs = agents.of(agentUid).take(1) || namespaces.of(namespace).take(1);
    if (waitMs > 0)
      throw new GrpcFailure(grpcStatus.unavailable, "more was recalled lately than may be of this agent", waitMs);
  };
};

const answerOf = async (
  ask: AskRecall | undefined,
  namespace: string,
  query: RecallQuery,
  signal: AbortSignal,
): Promise<Answer> => {
  if (ask === undefined) return { trouble: "there is no reader here" };
  try {
    const lessons = await ask(namespace, query, { deadlineMs: ANSWER_MS, signal });
    return { lessons: lessons.map(lessonOf) };
  } catch (error) {
    // Nobody's work waits for a store that is away: there is nothing to recall then, and that is said.
    return { trouble: error instanceof Error ? error.message : String(error) };
  }
};

/** `ContextService/Recall`: what was learned before in the caller's namespace, and in no other, from the reader. */
export const createRecall = ({ identify, ask, clock }: RecallOptions): GrpcHandler => {
  const slots = createFairSlots(MAX_AT_ONCE);
  const enter = createLimitPerAgent(MAX_OF_AGENT, "recalls");
  const checkRate = createRates(clock);
  return {
    kind: "unary",
    method: recallMethod,
    handle: async (bytes, { token, metadata, signal }) => {
      const caller = await identify(token, metadata(namespaceMetadata), { use: "get" });
      if (isComponent(caller))
        throw new GrpcFailure(grpcStatus.permissionDenied, "recall is an agent's; components ask the reader");
      const query = decodeMessage(RecallRequestSchema, bytes);
      if (query.what.trim() === "") throw new GrpcFailure(grpcStatus.invalidArgument, "say what it is about");
      checkRate(caller);
      const leave = enter(caller.agentUid);
      try {
        const answer = await slots.run(caller, () => answerOf(ask, caller.namespace, query, signal));
        return Buffer.from(toBinary(RecallResponseSchema, create(RecallResponseSchema, answer)));
      } finally {
        leave();
      }
    },
  };
};
