import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as z from "zod";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { askMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { RecallRequest } from "#nervous-system/schemas/gen/context_pb.ts";
import { AskPartSchema, AskRequestSchema } from "#nervous-system/schemas/gen/reader_pb.ts";
import { MAX_TEXT, MAX_WORDS } from "#nervous-system/schemas/questions/define-question.ts";
import { recall } from "#nervous-system/schemas/questions/recall.ts";

/** What is looked for. */
export type RecallQuery = Pick<RecallRequest, "what" | "libraries" | "paths" | "limit">;

/** A row of the answer, as far as it is passed on. */
const lessonRow = z.object({
  event_id: z.string(),
  text: z.string(),
  score: z.number(),
  accepted: z.boolean(),
  // A reader of before knows of none.
  outcome: z.string().default(""),
  mission: z.string(),
  place: z.number(),
  libraries: z.array(z.string()),
  files: z.array(z.string()),
});

/** Something that was learned before. */
export type RecalledLesson = z.output<typeof lessonRow>;

/** Asks the reader for lessons of a namespace; rejects with `GrpcFailure`, and when the signal aborts. */
export type AskRecall = (
  namespace: string,
  query: RecallQuery,
  limits: { readonly deadlineMs: number; readonly signal: AbortSignal },
) => Promise<readonly RecalledLesson[]>;

const MOST_LESSONS = 8;
const USUAL_LESSONS = 3;

/** Names in a row, as the question takes them; one with a blank or a comma in it cannot be asked for. */
const rowOf = (names: readonly string[]): string => {
  const plain = names.filter((name) => /^[^\s,]+$/u.test(name)).slice(0, MAX_WORDS);
  while (plain.join(" ").length > MAX_TEXT) plain.pop();
  return plain.join(" ");
};

/** The request; undefined where only names are asked about that cannot be asked for: without any it would be about everything. */
const requestOf = (namespace: string, { what, libraries, paths, limit }: RecallQuery): Buffer | undefined => {
  const parameters = { what: what.slice(0, MAX_TEXT).toWellFormed(), libraries: rowOf(libraries), paths: rowOf(paths) };
  const isNamed = libraries.length + paths.length > 0;
  if (isNamed && parameters.libraries === "" && parameters.paths === "") return undefined;
  const asked = create(AskRequestSchema, {
    namespace,
    query: recall.name,
    paramsJson: JSON.stringify(parameters),
    limit: Math.min(limit === 0 ? USUAL_LESSONS : limit, MOST_LESSONS),
  });
  return Buffer.from(toBinary(AskRequestSchema, asked));
};

/** Creates the way to a reader, by a client that sends the collector's own token. */
export const createAskRecall =
  (reader: Pick<GrpcClient, "serverStream">): AskRecall =>
  async (namespace, query, limits) => {
    const request = requestOf(namespace, query);
    if (request === undefined) return [];
    const lessons: RecalledLesson[] = [];
    for await (const message of reader.serverStream(askMethod, request, limits)) {
      const { part } = fromBinary(AskPartSchema, message);
      if (part.case === "rows") lessons.push(...part.value.rows.map((row) => lessonRow.parse(JSON.parse(row))));
      if (part.case === "summary") return lessons;
    }
    throw new GrpcFailure(grpcStatus.unavailable, "the reader's answer broke off");
  };
