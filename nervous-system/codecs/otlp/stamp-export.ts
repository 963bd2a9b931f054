import { resourceShape, type Rule, type Shape } from "./export-shapes.ts";
import { takePart, ValueBudget, type MessageParts } from "./read-fields.ts";
import { isStampAttribute, stampAttribute } from "./stamp-attributes.ts";
import { fieldHead, LENGTH_DELIMITED, wrapField, WireReader } from "./wire.ts";

/** What an export is stamped with before it goes on. */
export type Stamp = {
  /** Attributes of each resource, by names of `stamp-attributes.ts`; nothing else in the export keeps one of these names. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The trace in which something of a trace goes on, both in hex. */
  readonly traceOf: (traceId: string) => string;
};

/** An export as it goes on. */
export type Stamped = {
  readonly request: Buffer;
  /** How many spans go on in another trace than they named. */
  readonly moved: number;
};

const RESOURCE = 1;
const RESOURCE_ATTRIBUTES = 1;
const SPAN_ATTRIBUTES = 9;
// Twice what a trace has: a program's own word for one may be longer.
const MOST_TOLD_DIGITS = 64;
const nothing = Buffer.alloc(0);

/** A message that is passed on: what of it was put is `size` long, and from `from` on it is as it came. */
type Level = { from: number; size: number; isChanged: boolean; movedFrom?: string; readonly resource: MessageParts };

/** Walks an export once and gathers what goes on; what stays as it came is not copied until the end. */
class Stamping {
  readonly pieces: Buffer[] = [];
  moved = 0;
  private readonly buffer: Buffer;
  private readonly stamp: Stamp;
  private readonly stamps: Buffer;
  private readonly budget: ValueBudget;

  constructor(buffer: Buffer, stamp: Stamp) {
    this.buffer = buffer;
    this.stamp = stamp;
    this.budget = new ValueBudget(buffer.length);
    const attributes = Object.entries(stamp.attributes);
    this.stamps = Buffer.concat(attributes.map(([key, value]) => stampAttribute(RESOURCE_ATTRIBUTES, key, value)));
  }

  message(reader: WireReader, shape: Shape): Level {
    this.budget.spend("value");
    const level: Level = { from: reader.offset, size: 0, isChanged: false, resource: [] };
    for (let begin = reader.offset; reader.next(); begin = reader.offset)
      this.field(reader, shape[reader.field], level, begin);
    const end = reader.offset;
    if (level.movedFrom !== undefined) {
      this.cut(level, end, end);
      this.put(level, stampAttribute(SPAN_ATTRIBUTES, "enchanted.trace_id", level.movedFrom));
    }
    if (shape[RESOURCE] === "resource") {
      this.cut(level, end, end);
      this.resource(level);
    }
    if (level.isChanged) this.cut(level, end, end);
    return level;
  }

  private put(level: Level, piece: Buffer): void {
    this.pieces.push(piece);
    level.size += piece.length;
  }

  /** Puts what stayed as it came until `until`; what stays next begins at `next`. */
  private cut(level: Level, until: number, next: number): void {
    if (until > level.from) this.put(level, this.buffer.subarray(level.from, until));
    level.from = next;
    level.isChanged = true;
  }

  private field(reader: WireReader, rule: Rule | undefined, level: Level, begin: number): void {
    if (rule === "keep") return reader.skip();
    if (rule === undefined || reader.wireType !== LENGTH_DELIMITED) {
      reader.skip();
      return this.cut(level, begin, reader.offset);
    }
    if (typeof rule === "object") return this.nested(reader, rule, level, begin);
    if (rule === "resource") {
      takePart(reader, level.resource);
      return this.cut(level, begin, reader.offset);
    }
    reader.enter();
    if (rule !== "attributes") return this.trace(reader, rule, level, begin);
    if (isStampAttribute(this.buffer, reader.start, reader.stop)) this.cut(level, begin, reader.offset);
  }

  private trace(reader: WireReader, rule: "trace" | "spanTrace", level: Level, begin: number): void {
    const traceId = this.buffer.toString("hex", reader.start, reader.stop);
    const goesOnIn = this.stamp.traceOf(traceId);
    if (goesOnIn === traceId) return;
    this.cut(level, begin, reader.offset);
    this.put(level, wrapField(reader.field, Buffer.from(goesOnIn, "hex")));
    if (rule === "trace") return;
    if (level.movedFrom === undefined) this.moved += 1;
    level.movedFrom = traceId.slice(0, MOST_TOLD_DIGITS);
  }

  private nested(reader: WireReader, shape: Shape, level: Level, begin: number): void {
    const { field } = reader;
    const before = { from: level.from, size: level.size, isChanged: level.isChanged };
    const mark = this.pieces.length;
    this.cut(level, begin, begin);
    const at = this.pieces.push(nothing) - 1;
    const { isChanged, size } = this.message(reader.message(), shape);
    if (isChanged) {
      // Few bytes become many here: an id where there was none, and an attribute.
      this.budget.spend("record");
      this.head(level, at, field, size);
      level.from = reader.offset;
    } else {
      // It goes on in one piece with what stands around it.
      this.pieces.length = mark;
      Object.assign(level, before);
    }
  }

  /** All that the message says of its resource as one, with the stamps behind it. */
  private resource(level: Level): void {
    const at = this.pieces.push(nothing) - 1;
    let size = this.stamps.length;
    for (let i = 0; i < level.resource.length; i += 2) {
      const [start = 0, stop = 0] = level.resource.slice(i, i + 2);
      const part = this.message(new WireReader(this.buffer, start, stop), resourceShape);
      if (!part.isChanged) this.cut(part, stop, stop);
      size += part.size;
    }
    this.pieces.push(this.stamps);
    this.head(level, at, RESOURCE, size);
  }

  private head(level: Level, at: number, field: number, size: number): void {
    const head = fieldHead(field, size);
    this.pieces[at] = head;
    level.size += head.length + size;
  }
}

/**
 * Stamps an export of spans or metrics, in protobuf, with whose it is: each resource has the stamp's attributes, whatever it said
 * itself, and what names a trace names one that its sender may write. Throws `WireError` for malformed input, and for parts
 * without number.
 */
export const stampExport = (request: Buffer, shape: Shape, stamp: Stamp): Stamped => {
  const stamping = new Stamping(request, stamp);
  const { isChanged } = stamping.message(new WireReader(request), shape);
  return { request: isChanged ? Buffer.concat(stamping.pieces) : request, moved: stamping.moved };
};
