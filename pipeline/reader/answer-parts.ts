import type { MessageInitShape } from "@bufbuild/protobuf";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { AskPartSchema } from "#nervous-system/schemas/gen/reader_pb.ts";
import type { Question } from "#nervous-system/schemas/questions/define-question.ts";
import type { Answer, AnswerBatch } from "#pipeline/reader/answer.ts";
import { rowSchemaOf } from "#pipeline/reader/row-schema.ts";

type Part = NonNullable<MessageInitShape<typeof AskPartSchema>["part"]>;

/** Bytes of rows that one message takes, unless a single row is larger. */
const MESSAGE_BYTES = 256 * 1024;
/** Bytes of rows that one answer takes; beyond, it is cut. */
const ANSWER_BYTES = 32 * 1024 * 1024;

/** What an answer came to. */
export type AnswerTotals = { rows: number; bytes: number; rowsRead: number; bytesRead: number; cutBy: string };

/** The rows of an answer as text, bounded; what stands in them is checked. */
class RowTexts {
  readonly totals: AnswerTotals = { rows: 0, bytes: 0, rowsRead: 0, bytesRead: 0, cutBy: "" };
  private readonly schema: ReturnType<typeof rowSchemaOf>;
  private readonly limit: number;

  constructor(question: Question, limit: number) {
    this.schema = rowSchemaOf(question);
    this.limit = limit;
  }

  /** The rows of a batch that the answer still takes. */
  take({ rows, rowsRead, bytesRead }: AnswerBatch): string[] {
    const { totals } = this;
    Object.assign(totals, { rowsRead, bytesRead });
    const texts: string[] = [];
    for (const row of rows) {
      if (totals.cutBy !== "") break;
      const text = this.textOf(row);
      if (totals.rows === this.limit) totals.cutBy = "limit";
      else if (totals.bytes + text.length > ANSWER_BYTES) totals.cutBy = "size";
      else {
        totals.rows += 1;
        totals.bytes += text.length;
        texts.push(text);
      }
    }
    return texts;
  }

  private textOf(row: unknown): string {
    const parsed = this.schema.safeParse(row);
    if (parsed.success) return JSON.stringify(parsed.data);
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: "" };
    throw new GrpcFailure(
      grpcStatus.internal,
      `the store answers what was not asked for: ${path.join(".")}: ${message}`,
    );
  }
}

/** Texts in groups that a message takes. */
function* grouped(texts: readonly string[]): Generator<string[]> {
  let group: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    if (group.length > 0 && bytes + text.length > MESSAGE_BYTES) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(text);
    bytes += text.length;
  }
  if (group.length > 0) yield group;
}

/** The columns of an answer, then its rows as they come; gives what it came to, which the summary tells. */
export async function* answerParts(
  question: Question,
  { batches, atMost = Infinity }: Answer,
  limit: number,
): AsyncGenerator<Part, AnswerTotals> {
  const columns = Object.entries(question.columns).map(([name, { kind }]) => ({ name, kind }));
  yield { case: "columns", value: { columns } };
  const texts = new RowTexts(question, Math.min(limit, atMost));
  for await (const batch of batches) {
    for (const rows of grouped(texts.take(batch))) yield { case: "rows", value: { rows } };
    if (texts.totals.cutBy === "size") break;
  }
  return texts.totals;
}
