import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createGrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { askMethod } from "#nervous-system/comms/grpc/methods.ts";
import { AskPartSchema, AskRequestSchema, type AskSummary } from "#nervous-system/schemas/gen/reader_pb.ts";
import type { Host } from "../host.ts";
import type { ServerSettings } from "../server/settings.ts";

/** A question as it goes over the wire. */
export type Asked = {
  readonly query: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly limit: number;
  readonly explain: boolean;
  /** Ends the question. */
  readonly signal?: AbortSignal;
};

/** A column of an answer. */
export type AnswerColumn = { readonly name: string; readonly kind: string };

/** A row of an answer: by column a text, a list of texts, a number, true, false or null. */
export type AnswerRow = Readonly<Record<string, unknown>>;

/** Takes an answer as it comes. */
export type AnswerTaker = {
  begin(columns: readonly AnswerColumn[]): void;
  /** Resolves when more may come. */
  row(row: AnswerRow): Promise<void> | void;
  /** Whether nobody reads what comes: the rest is not asked for. */
  isDone(): boolean;
};

/** Longer than the reader lets a question take. */
const DEADLINE_MS = 90_000;

const takeRows = async (taker: AnswerTaker, rows: readonly string[]): Promise<void> => {
  for (const row of rows) await taker.row(JSON.parse(row) as AnswerRow);
};

/**
 * Asks, and hands over what comes; answers the summary, undefined where the taker had enough. Rejects with `GrpcFailure`.
 */
export const askReader = async (
  host: Host,
  { address, caPem, serverName, token, namespace }: ServerSettings,
  { query, parameters, limit, explain, signal }: Asked,
  taker: AnswerTaker,
): Promise<AskSummary | undefined> => {
  const named = serverName === undefined ? {} : { serverName };
  const client = createGrpcClient({ address, caPem, ...named, token, clock: host.clock });
  const paramsJson = JSON.stringify(parameters);
  const request = create(AskRequestSchema, { namespace, query, paramsJson, limit, explain });
  const bytes = Buffer.from(toBinary(AskRequestSchema, request));
  const limits = { deadlineMs: DEADLINE_MS, ...(signal === undefined ? {} : { signal }) };
  try {
    for await (const message of client.serverStream(askMethod, bytes, limits)) {
      const { part } = fromBinary(AskPartSchema, message);
      if (part.case === "columns") taker.begin(part.value.columns);
      if (part.case === "rows") await takeRows(taker, part.value.rows);
      if (part.case === "summary") return part.value;
      if (taker.isDone()) return undefined;
    }
    throw new GrpcFailure(grpcStatus.aborted, "the answer broke off; ask again");
  } finally {
    client.close();
  }
};
