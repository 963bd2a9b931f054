import { ValueBudget } from "./read-fields.ts";
import { LENGTH_DELIMITED, varintSize, WireError, WireReader, wrapField } from "./wire.ts";

// ExportTraceServiceRequest.resource_spans, ResourceSpans.scope_spans and ScopeSpans.spans: the repeated field of each level.
const LEVELS = [1, 2, 2] as const;

type Field = { readonly isRepeated: boolean; readonly bytes: Buffer; readonly content: Buffer };

const fieldsOf = (message: Buffer, repeated: number, budget: ValueBudget): Field[] => {
  const reader = new WireReader(message);
  const fields: Field[] = [];
  let begin = 0;
  while (reader.next()) {
    budget.spend("record");
    const isRepeated = reader.is(repeated, LENGTH_DELIMITED);
    reader.skip();
    const end = reader.offset;
    const content = isRepeated ? message.subarray(reader.start, reader.stop) : message.subarray(0, 0);
    fields.push({ isRepeated, bytes: message.subarray(begin, end), content });
    begin = end;
  }
  return fields;
};

const group = (parts: readonly Buffer[], max: number): Buffer[] => {
  const groups: Buffer[][] = [];
  let size = Infinity;
  for (const part of parts) {
    if (size + part.length > max) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(part);
    size += part.length;
  }
  return groups.map((members) => Buffer.concat(members));
};

const splitLevel = (message: Buffer, level: number, max: number, budget: ValueBudget): Buffer[] => {
  const repeated = LEVELS[level];
  if (message.length <= max || repeated === undefined) return [message];
  const fields = fieldsOf(message, repeated, budget);
  const shared = Buffer.concat(fields.flatMap(({ isRepeated, bytes }) => (isRepeated ? [] : [bytes])));
  const room = max - shared.length;
  if (room < max / 2) throw new WireError(`what spans share takes ${shared.length} of ${max} bytes`, 0);
  const parts = fields
    .filter(({ isRepeated }) => isRepeated)
    .flatMap(({ bytes, content }) => {
      if (bytes.length <= room) return [bytes];
      const inner = room - 1 - varintSize(content.length);
      return splitLevel(content, level + 1, inner, budget).map((piece) => wrapField(repeated, piece));
    });
  return group(parts, room).map((piece) => Buffer.concat([shared, piece]));
};

/**
 * Cuts an ExportTraceServiceRequest into requests of at most `max` bytes, each whole by itself: resource and scope stand in
 * each. A single span that is larger stays so. Throws `WireError` on malformed input, and where the
 * parts would be much more than it: spans without number, or a resource or scope of more than half of `max`.
 */
export const splitTraces = (request: Buffer, max: number): Buffer[] =>
  splitLevel(request, 0, max, new ValueBudget(request.length));
