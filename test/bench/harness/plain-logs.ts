import { fieldSize, WireWriter } from "#nervous-system/codecs/otlp/wire.ts";
import { tenMembers } from "./frames.ts";

// LogRecord: time 1, body 5, attributes 6, observed time 11; KeyValue: key 1, value 2; AnyValue: string 1.
const TIME_SIZE = 9;
const NOW_NS = 1_763_701_174_000_000_000n;

type Pair = readonly [key: string, value: string];

const pairSize = ([key, value]: Pair): number =>
  fieldSize(Buffer.byteLength(key)) + fieldSize(fieldSize(Buffer.byteLength(value)));

const recordSize = (body: string, pairs: readonly Pair[]): number =>
  2 * TIME_SIZE +
  fieldSize(fieldSize(Buffer.byteLength(body))) +
  pairs.reduce((sum, pair) => sum + fieldSize(pairSize(pair)), 0);

const writePair = (out: WireWriter, pair: Pair): void => {
  const [key, value] = pair;
  out.open(6, pairSize(pair));
  out.text(1, key, Buffer.byteLength(key));
  out.open(2, fieldSize(Buffer.byteLength(value)));
  out.text(1, value, Buffer.byteLength(value));
};

const writeRecord = (out: WireWriter, body: string, pairs: readonly Pair[]): void => {
  out.fixed64(1, NOW_NS);
  out.open(5, fieldSize(Buffer.byteLength(body)));
  out.text(1, body, Buffer.byteLength(body));
  for (const pair of pairs) writePair(out, pair);
  out.fixed64(11, NOW_NS);
};

/** What a frame of `bytes` bytes says, as any program would log it with OpenTelemetry: a text and ten attributes. */
export const plainLogs = (count: number, bytes: number, from: number): Buffer => {
  const records = Array.from({ length: count }, (_, n) => {
    const { text: body, ...rest } = tenMembers(from + n, bytes);
    const pairs = Object.entries({ ...rest, event_type: "THOUGHT" }).map(([key, value]): Pair => [key, `${value}`]);
    return { body, pairs, size: recordSize(body, pairs) };
  });
  const scope = records.reduce((sum, { size }) => sum + fieldSize(size), 0);
  const out = new WireWriter(fieldSize(fieldSize(scope)));
  out.open(1, fieldSize(scope));
  out.open(2, scope);
  for (const { body, pairs, size } of records) {
    out.open(2, size);
    writeRecord(out, body, pairs);
  }
  return out.finish();
};
