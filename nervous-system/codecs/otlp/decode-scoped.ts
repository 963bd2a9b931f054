import { intoAttributes } from "./any-value.ts";
import type { Attributes, OtlpScope } from "./model.ts";
import {
  bytesOf,
  readerOver,
  readFields,
  readText,
  takePart,
  ValueBudget,
  type FieldReaders,
  type MessageParts,
} from "./read-fields.ts";
import { LENGTH_DELIMITED, WireReader } from "./wire.ts";

/** Reads one span or log record of a scope. */
export type ReadItem<T> = (reader: WireReader, scope: OtlpScope, budget: ValueBudget) => T;

/** A ResourceSpans or ResourceLogs, or a ScopeSpans or ScopeLogs: all four have the same three fields. */
type Level = { owner: MessageParts; items: WireReader[]; schemaUrl: string; readonly budget: ValueBudget };

const readLevelItem = (reader: WireReader, { items, budget }: Level): void => {
  budget.spend("record");
  items.push(reader.message());
};

const levelFields: FieldReaders<Level> = {
  1: [LENGTH_DELIMITED, (reader, level) => takePart(reader, level.owner)],
  2: [LENGTH_DELIMITED, readLevelItem],
  3: [LENGTH_DELIMITED, (reader, level) => void (level.schemaUrl = readText(reader))],
};

/** What the items belong to may stand behind them, so a level is read whole before its items are. */
const readLevel = (reader: WireReader, budget: ValueBudget): Level => {
  const level: Level = { owner: [], items: [], schemaUrl: "", budget };
  readFields(reader, levelFields, level);
  return level;
};

type ScopeName = { name: string; version: string };
const scopeFields: FieldReaders<ScopeName> = {
  1: [LENGTH_DELIMITED, (reader, scope) => void (scope.name = readText(reader))],
  2: [LENGTH_DELIMITED, (reader, scope) => void (scope.version = readText(reader))],
};

const resourceFields: FieldReaders<{ attributes: Record<string, unknown>; budget: ValueBudget }> = {
  1: [LENGTH_DELIMITED, intoAttributes],
};

const readResource = (reader: WireReader, budget: ValueBudget): Attributes => {
  const resource = { attributes: {}, budget };
  readFields(reader, resourceFields, resource);
  return resource.attributes;
};

const readScope = (reader: WireReader, resource: Attributes, schemaUrl: string): OtlpScope => {
  const scope = { name: "", version: "", schemaUrl, resource };
  readFields(reader, scopeFields, scope);
  return scope;
};

/** The items of an export request in their order; traces and logs are built alike. Throws `WireError`. */
export const decodeScoped = <T>(request: Buffer, readItem: ReadItem<T>): T[] => {
  const items: T[] = [];
  const budget = new ValueBudget(request.length);
  const reader = new WireReader(request);
  while (reader.next()) {
    if (!reader.is(1, LENGTH_DELIMITED)) {
      reader.skip();
      continue;
    }
    const resource = readLevel(reader.message(), budget);
    const attributes = readResource(readerOver(request, resource.owner), budget);
    for (const scopeReader of resource.items) {
      const level = readLevel(scopeReader, budget);
      const scope = readScope(readerOver(request, level.owner), attributes, level.schemaUrl || resource.schemaUrl);
      const shared = bytesOf(resource.owner) + bytesOf(level.owner);
      for (const item of level.items) {
        budget.repeat(shared);
        items.push(readItem(item, scope, budget));
      }
    }
  }
  return items;
};
