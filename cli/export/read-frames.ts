import type { PlacedFrame } from "#nervous-system/codecs/parquet/frame-columns.ts";
import type { Envelope } from "#nervous-system/schemas/envelope.ts";
import type { AskSummary } from "#nervous-system/schemas/gen/reader_pb.ts";
import { MAX_ROWS } from "#nervous-system/schemas/questions/define-question.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import { askReader, type AnswerRow } from "../ask/ask-reader.ts";
import type { Host } from "../host.ts";
import type { ServerSettings } from "../server/settings.ts";
import { persistently } from "./persistently.ts";

/** Which frames: parameters of the question `frames`. */
export type FrameFilter = Readonly<Record<string, string>>;

type FrameRow = Readonly<Record<"stored" | "principal" | "envelope" | "frame" | "prev_hash" | "hash", string>> & {
  readonly place: number;
};

const frameOf = (row: AnswerRow): PlacedFrame => {
  const { place, stored, principal, envelope, frame, prev_hash: prevHash, hash } = row as FrameRow;
  return {
    envelope: JSON.parse(envelope) as Envelope,
    envelopeText: envelope,
    bytes: Buffer.from(frame),
    prevHash,
    hash,
    ...(principal === "" ? {} : { principal }),
    place,
    storedNs: parseTimestampNs(stored) ?? 0n,
  };
};

const isCut = ({ cutBy }: Pick<AskSummary, "cutBy">): boolean => cutBy !== "";

/**
 * Of an answer that was cut, what can be given, and the place behind which the next one goes on: a stream that lost its tail has
 * two frames at one place, and the cut may lie between them. Throws where that leads no further.
 */
export const settlePage = (
  frames: readonly PlacedFrame[],
  after: number,
  wasCut: boolean,
): { readonly given: readonly PlacedFrame[]; readonly next: number | undefined } => {
  if (!wasCut) return { given: frames, next: undefined };
  const last = frames.at(-1)?.place ?? 0;
  if (last - 1 <= after) throw new Error(`too many frames stand at place ${last}`);
  return { given: frames.filter(({ place }) => place < last), next: last - 1 };
};

/**
 * Reads frames in the order of recording, each answer whole before any of it is given, so that a slow taker does not hold up the
 * reader: 32 MiB of rows at most. Rejects with `GrpcFailure` and the signal's reason.
 */
export async function* readFrames(
  host: Host,
  server: ServerSettings,
  filter: FrameFilter,
  signal: AbortSignal,
): AsyncGenerator<PlacedFrame> {
  for (let after: number | undefined = 0; after !== undefined;) {
    signal.throwIfAborted();
    const parameters = after === 0 ? filter : { ...filter, after: String(after) };
    const asked = { query: "frames", parameters, limit: MAX_ROWS, explain: false, signal };
    const { rows, summary } = await persistently(host.clock, signal, async () => {
      const rows: PlacedFrame[] = [];
      const taker = {
        begin: () => undefined,
        row: (row: AnswerRow) => void rows.push(frameOf(row)),
        isDone: () => false,
      };
      return { rows, summary: await askReader(host, server, asked, taker) };
    });
    const { given, next } = settlePage(rows, after, summary !== undefined && isCut(summary));
    yield* given;
    after = next;
  }
}
