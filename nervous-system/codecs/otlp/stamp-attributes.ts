import { LENGTH_DELIMITED, wrapField, WireReader } from "./wire.ts";

/** Attributes that say whose spans and metrics are, by the token that they came with; a program's own of these names do not count. */
const stampAttributes = [
  "enchanted.namespace",
  "enchanted.mission",
  "enchanted.mission_uid",
  "enchanted.agent",
  "enchanted.agent_uid",
  "enchanted.principal",
  // On a span: the trace that it named, where it goes on in another.
  "enchanted.trace_id",
] as const;

// Backends that take no dots write underscores, and would read either as the other.
const spelled = (key: string): string => key.replaceAll(".", "_");
const stampNames: ReadonlySet<string> = new Set(stampAttributes.map(spelled));
const MOST_BYTES = Math.max(...stampAttributes.map(({ length }) => length));

/** Whether the KeyValue between two bounds has a name of a stamp. */
export const isStampAttribute = (buffer: Buffer, start: number, stop: number): boolean => {
  const reader = new WireReader(buffer, start, stop);
  let [keyStart, keyStop] = [start, start];
  while (reader.next()) {
    const isKey = reader.is(1, LENGTH_DELIMITED);
    reader.skip();
    // As protobuf has it, the last one counts.
    if (isKey) [keyStart, keyStop] = [reader.start, reader.stop];
  }
  if (keyStop - keyStart > MOST_BYTES || buffer[keyStart] !== 0x65) return false;
  return stampNames.has(spelled(buffer.toString("latin1", keyStart, keyStop)));
};

/** A KeyValue with a text, as field `field` of what it belongs to. */
export const stampAttribute = (field: number, key: string, value: string): Buffer => {
  const held = wrapField(2, wrapField(1, Buffer.from(value)));
  return wrapField(field, Buffer.concat([wrapField(1, Buffer.from(key)), held]));
};
