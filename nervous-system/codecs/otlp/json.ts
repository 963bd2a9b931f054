import { holdsTooMuch } from "#nervous-system/kernel/bounded-json.ts";
import { checkMembers, type BodyKind } from "./body-kind.ts";
import { ENVELOPE_ATTRIBUTE, EVENT_NAME_PREFIX, HASH_ATTRIBUTE, PREV_HASH_ATTRIBUTE } from "./attributes.ts";
import { statusCodeOf } from "./decode-traces.ts";
import { toMembers } from "./frame-values.ts";
import {
  anyValueOf,
  attributesOf,
  enumOf,
  fixed64Of,
  hexOf,
  objectOf,
  objectsOf,
  OtlpJsonError,
  textOf,
  type JsonFields,
} from "./json-values.ts";
import type { BodyKind as RecordBody, LogRecord, OtlpLog, OtlpScope, OtlpSpan, OtlpSpanEvent } from "./model.ts";
import { maxValuesOf, tooManyValues, ValueBudget } from "./read-fields.ts";
import { severityName } from "./severity.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
// Integers that a double cannot hold; a match inside a string costs time only.
const LONG_INTEGER = /[:[,]\s*-?\d{16}/;

type WithSource = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;
const keepLongIntegers: WithSource = (_key, value, { source }) =>
  typeof value === "number" && source !== undefined && /^-?\d{16,20}$/.test(source) ? BigInt(source) : value;

const decodeText = (request: Buffer): string => {
  try {
    return utf8.decode(request);
  } catch {
    throw new OtlpJsonError("the body is not UTF-8");
  }
};

const parseText = (text: string): unknown => {
  const reviver = LONG_INTEGER.test(text) ? (keepLongIntegers as (key: string, value: unknown) => unknown) : undefined;
  try {
    return JSON.parse(text, reviver);
  } catch {
    throw new OtlpJsonError("the body is no JSON");
  }
};

const parse = (request: Buffer): JsonFields => {
  const text = decodeText(request);
  if (holdsTooMuch(text, maxValuesOf(request.length))) throw new OtlpJsonError(tooManyValues(request.length));
  return objectOf({ request: parseText(text) }, "request");
};

type Level = readonly [kind: BodyKind, resources: string, scopes: string, items: string];
const traceLevels: Level = ["traces", "resourceSpans", "scopeSpans", "spans"];
const logLevels: Level = ["logs", "resourceLogs", "scopeLogs", "logRecords"];

type ReadItem<T> = (fields: JsonFields, scope: OtlpScope, budget: ValueBudget) => T;

const parseScoped = <T>(request: Buffer, [kind, resources, scopes, items]: Level, readItem: ReadItem<T>): T[] => {
  const budget = new ValueBudget(request.length);
  const fields = parse(request);
  checkMembers(fields, kind);
  return objectsOf(fields, resources).flatMap((outer) => {
    const resource = attributesOf(objectOf(outer, "resource"), "attributes", budget);
    const resourceChars = JSON.stringify(toMembers(resource)).length;
    return objectsOf(outer, scopes).flatMap((inner) => {
      const named = objectOf(inner, "scope");
      const schemaUrl = textOf(inner, "schemaUrl") || textOf(outer, "schemaUrl");
      const scope = { name: textOf(named, "name"), version: textOf(named, "version"), schemaUrl, resource };
      return objectsOf(inner, items).map((item) => {
        budget.spend("record");
        budget.repeat(resourceChars + scope.name.length);
        return readItem(item, scope, budget);
      });
    });
  });
};

const readEvent = (fields: JsonFields, budget: ValueBudget): OtlpSpanEvent => {
  budget.spend("event");
  return {
    timeNs: fixed64Of(fields, "timeUnixNano"),
    name: textOf(fields, "name"),
    attributes: attributesOf(fields, "attributes", budget),
  };
};

const readSpan: ReadItem<OtlpSpan> = (fields, scope, budget) => {
  const status = objectOf(fields, "status");
  return {
    scope,
    traceId: hexOf(fields, "traceId"),
    spanId: hexOf(fields, "spanId"),
    parentSpanId: hexOf(fields, "parentSpanId"),
    name: textOf(fields, "name"),
    startNs: fixed64Of(fields, "startTimeUnixNano"),
    endNs: fixed64Of(fields, "endTimeUnixNano"),
    attributes: attributesOf(fields, "attributes", budget),
    events: objectsOf(fields, "events").map((event) => readEvent(event, budget)),
    status: { code: statusCodeOf(enumOf(status, "code")), message: textOf(status, "message") },
  };
};

const readLog: ReadItem<OtlpLog> = (fields, scope, budget) => {
  const severityNumber = enumOf(fields, "severityNumber");
  return {
    scope,
    traceId: hexOf(fields, "traceId"),
    spanId: hexOf(fields, "spanId"),
    timeNs: fixed64Of(fields, "timeUnixNano"),
    observedNs: fixed64Of(fields, "observedTimeUnixNano"),
    severity: textOf(fields, "severityText") || severityName(severityNumber),
    eventName: textOf(fields, "eventName"),
    body: anyValueOf(objectOf(fields, "body"), budget) ?? undefined,
    attributes: attributesOf(fields, "attributes", budget),
  };
};

/** Throws `OtlpJsonError` for a JSON request that holds no metrics; of the metrics nothing is read. */
export const checkMetricsJson = (request: Buffer): void => checkMembers(parse(request), "metrics");

/** The spans of an OTLP/JSON request in their order; throws `OtlpJsonError` for malformed input. */
export const parseTracesJson = (request: Buffer): OtlpSpan[] => parseScoped(request, traceLevels, readSpan);

/** The log records of an OTLP/JSON request in their order; throws `OtlpJsonError` for malformed input. */
export const parseLogsJson = (request: Buffer): OtlpLog[] => parseScoped(request, logLevels, readLog);

const attributeText = (log: OtlpLog, name: string): string => {
  const value = log.attributes[name];
  return typeof value === "string" ? value : "";
};

const bodyOf = (body: unknown): { bodyKind: RecordBody; body: Buffer } => {
  if (body === undefined) return { bodyKind: "none", body: Buffer.alloc(0) };
  if (typeof body === "string") return { bodyKind: "string", body: Buffer.from(body) };
  return Buffer.isBuffer(body) ? { bodyKind: "bytes", body } : { bodyKind: "other", body: Buffer.alloc(0) };
};

/** A log record that carries a sequenced frame, in the form in which the lazy decoder gives it. */
const asLogRecord = (log: OtlpLog): LogRecord => {
  const envelopeText = attributeText(log, ENVELOPE_ATTRIBUTE);
  return {
    ...bodyOf(log.body),
    timeUnixNano: log.timeNs,
    observedTimeUnixNano: log.observedNs,
    eventName: log.eventName,
    eventType: log.eventName.startsWith(EVENT_NAME_PREFIX) ? log.eventName.slice(EVENT_NAME_PREFIX.length) : undefined,
    envelope: Buffer.from(envelopeText),
    envelopeText,
    prevHash: attributeText(log, PREV_HASH_ATTRIBUTE),
    hash: attributeText(log, HASH_ATTRIBUTE),
    traceId: log.traceId,
    spanId: log.spanId,
  };
};

/** The log records of an OTLP/JSON request that carries sequenced frames; throws `OtlpJsonError` for malformed input. */
export const parseLogRecordsJson = (request: Buffer): LogRecord[] => parseLogsJson(request).map(asLogRecord);
