import { intoAttributes, readAnyValue } from "./any-value.ts";
import { decodeScoped } from "./decode-scoped.ts";
import type { OtlpLog, OtlpScope } from "./model.ts";
import {
  readerOver,
  readFields,
  readFixed64,
  readHex,
  readText,
  takePart,
  type FieldReaders,
  type MessageParts,
  type ValueBudget,
} from "./read-fields.ts";
import { severityName } from "./severity.ts";
import { FIXED64, LENGTH_DELIMITED, VARINT, type WireReader } from "./wire.ts";

type LogDraft = { -readonly [K in keyof Omit<OtlpLog, "body">]: OtlpLog[K] } & {
  attributes: Record<string, unknown>;
  severityNumber: number;
  bodyParts: MessageParts;
  budget: ValueBudget;
};

/** Field numbers of LogRecord in opentelemetry/proto/logs/v1/logs.proto. */
const logFields: FieldReaders<LogDraft> = {
  1: [FIXED64, (reader, log) => void (log.timeNs = readFixed64(reader))],
  2: [VARINT, (reader, log) => void (log.severityNumber = reader.int32())],
  3: [LENGTH_DELIMITED, (reader, log) => void (log.severity = readText(reader))],
  5: [LENGTH_DELIMITED, (reader, log) => takePart(reader, log.bodyParts)],
  6: [LENGTH_DELIMITED, intoAttributes],
  9: [LENGTH_DELIMITED, (reader, log) => void (log.traceId = readHex(reader))],
  10: [LENGTH_DELIMITED, (reader, log) => void (log.spanId = readHex(reader))],
  11: [FIXED64, (reader, log) => void (log.observedNs = readFixed64(reader))],
  12: [LENGTH_DELIMITED, (reader, log) => void (log.eventName = readText(reader))],
};

const readLog = (reader: WireReader, scope: OtlpScope, budget: ValueBudget): OtlpLog => {
  const draft: LogDraft = {
    scope,
    traceId: "",
    spanId: "",
    timeNs: 0n,
    observedNs: 0n,
    severity: "",
    severityNumber: 0,
    eventName: "",
    bodyParts: [],
    attributes: {},
    budget,
  };
  readFields(reader, logFields, draft);
  const { budget: _budget, bodyParts, severityNumber, ...log } = draft;
  const body = readAnyValue(readerOver(reader.buffer, bodyParts), budget) ?? undefined;
  return { ...log, severity: log.severity || severityName(severityNumber), body };
};

/** The log records of an ExportLogsServiceRequest in their order; throws `WireError` for malformed input. */
export const decodeLogs = (request: Buffer): OtlpLog[] => decodeScoped(request, readLog);
