import { fieldSize, LENGTH_DELIMITED, VARINT, varintSize, WireReader, WireWriter } from "./wire.ts";

/** What a server says of an export that it accepted only in part. */
export type PartialSuccess = {
  readonly rejected: number;
  readonly message: string;
};

/** Type of the detail of google.rpc.Status that says when to try again. */
export const RETRY_INFO_URL = "type.googleapis.com/google.rpc.RetryInfo";

/** Encodes an ExportLogsServiceResponse; without `partial` it is the empty, full success. */
export const encodeExportResponse = (partial?: PartialSuccess): Buffer => {
  if (partial === undefined) return Buffer.alloc(0);
  const length = Buffer.byteLength(partial.message);
  const inner = 1 + varintSize(partial.rejected) + fieldSize(length);
  const out = new WireWriter(fieldSize(inner));
  out.open(1, inner);
  out.varint(1, partial.rejected);
  out.text(2, partial.message, length);
  return out.finish();
};

/** Reads an ExportLogsServiceResponse; undefined means full success. Throws `WireError`. */
export const decodeExportResponse = (response: Buffer): PartialSuccess | undefined => {
  const reader = new WireReader(response);
  let partial: PartialSuccess | undefined;
  while (reader.next()) {
    if (reader.is(1, LENGTH_DELIMITED)) partial = readPartial(reader.message());
    else reader.skip();
  }
  return partial === undefined || (partial.rejected === 0 && partial.message === "") ? undefined : partial;
};

const readPartial = (reader: WireReader): PartialSuccess => {
  let rejected = 0;
  let message = "";
  while (reader.next()) {
    if (reader.is(1, VARINT)) rejected = reader.varint();
    else if (reader.is(2, LENGTH_DELIMITED)) {
      reader.enter();
      message = reader.buffer.toString("utf8", reader.start, reader.stop);
    } else reader.skip();
  }
  return { rejected, message };
};

/** Encodes google.rpc.Status without details, the body of a refusal over HTTP. */
export const encodeStatus = (code: number, message: string): Buffer => {
  const length = Buffer.byteLength(message);
  const out = new WireWriter(1 + varintSize(code) + fieldSize(length));
  out.varint(1, code);
  out.text(2, message, length);
  return out.finish();
};

/** Encodes google.rpc.Status with a RetryInfo detail, the value of trailer `grpc-status-details-bin`. */
export const encodeRetryStatus = (code: number, message: string, retryMs: number): Buffer => {
  const seconds = Math.floor(retryMs / 1000);
  const nanos = Math.round((retryMs % 1000) * 1e6);
  const durationSize = 1 + varintSize(seconds) + 1 + varintSize(nanos);
  const infoSize = fieldSize(durationSize);
  const anySize = fieldSize(RETRY_INFO_URL.length) + fieldSize(infoSize);
  const length = Buffer.byteLength(message);
  const out = new WireWriter(1 + varintSize(code) + fieldSize(length) + fieldSize(anySize));
  out.varint(1, code);
  out.text(2, message, length);
  out.open(3, anySize);
  out.text(1, RETRY_INFO_URL, RETRY_INFO_URL.length);
  out.open(2, infoSize);
  out.open(1, durationSize);
  out.varint(1, seconds);
  out.varint(2, nanos);
  return out.finish();
};

/** The delay that a google.rpc.Status asks for, milliseconds; undefined when it has no RetryInfo. Throws `WireError`. */
export const decodeRetryMs = (status: Buffer): number | undefined => {
  const reader = new WireReader(status);
  let retryMs: number | undefined;
  while (reader.next()) {
    if (reader.is(3, LENGTH_DELIMITED)) retryMs = readDetail(reader.message()) ?? retryMs;
    else reader.skip();
  }
  return retryMs;
};

const readDetail = (any: WireReader): number | undefined => {
  let url = "";
  let value: WireReader | undefined;
  while (any.next()) {
    if (any.is(1, LENGTH_DELIMITED)) {
      any.enter();
      url = any.buffer.toString("latin1", any.start, any.stop);
    } else if (any.is(2, LENGTH_DELIMITED)) value = any.message();
    else any.skip();
  }
  return url === RETRY_INFO_URL && value !== undefined ? readRetryInfo(value) : undefined;
};

const readRetryInfo = (info: WireReader): number => {
  let retryMs = 0;
  while (info.next()) {
    if (info.is(1, LENGTH_DELIMITED)) retryMs = readDuration(info.message());
    else info.skip();
  }
  return retryMs;
};

const readDuration = (duration: WireReader): number => {
  let ms = 0;
  while (duration.next()) {
    if (duration.is(1, VARINT)) ms += duration.varint() * 1000;
    else if (duration.is(2, VARINT)) ms += duration.varint() / 1e6;
    else duration.skip();
  }
  return ms;
};
