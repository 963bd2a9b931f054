import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { recallMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import {
  RecallRequestSchema,
  RecallResponseSchema,
  type RecalledLesson,
} from "#nervous-system/schemas/gen/context_pb.ts";

/** What to remember: in what words, and of which files or libraries only, where any are named. */
export type RecallQuery = {
  readonly what: string;
  readonly paths?: readonly string[];
  readonly libraries?: readonly string[];
  readonly limit: number;
};

/** Something that was learned before, by whomever. */
export type Remembered = Pick<
  RecalledLesson,
  "eventId" | "text" | "mission" | "accepted" | "outcome" | "score" | "libraries" | "files"
>;

/** Answers what was learned before, within `withinMs`; undefined where it cannot be asked, and never rejects. */
export type Recall = (query: RecallQuery, withinMs: number) => Promise<readonly Remembered[] | undefined>;

/** How long nothing is asked after it could not be: the work does not wait for a memory that is away. */
const restMs = 60_000;

/** Creates recall over the scribe's service port. */
export const createRecall = (client: Pick<GrpcClient, "unary">, clock: Pick<Clock, "monotonicMs">): Recall => {
  let restUntil = -Infinity;
  return async ({ what, paths = [], libraries = [], limit }, withinMs) => {
    if (clock.monotonicMs() < restUntil) return undefined;
    const query = create(RecallRequestSchema, { what, paths: [...paths], libraries: [...libraries], limit });
    try {
      const request = Buffer.from(toBinary(RecallRequestSchema, query));
      const answer = fromBinary(
        RecallResponseSchema,
        await client.unary(recallMethod, request, { deadlineMs: withinMs }),
      );
      if (answer.trouble === "") return answer.lessons;
      restUntil = clock.monotonicMs() + restMs;
      return answer.lessons.length === 0 ? undefined : answer.lessons;
    } catch {
      // An older collector has no such method, and one that is away or busy is no reason to stop.
      restUntil = clock.monotonicMs() + restMs;
      return undefined;
    }
  };
};
