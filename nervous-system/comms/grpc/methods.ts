/** A gRPC method as raw bytes: each side encodes and decodes with the codec that fits it. */
export type GrpcMethod = {
  /** `/<package>.<Service>/<Method>`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
};

const unary = (path: string): GrpcMethod => ({ path, requestStream: false, responseStream: false });

/** OTLP logs: frames from a scribe to the collector. */
export const exportLogs = unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export");

/** OTLP traces: spans, passed on as they are. */
export const exportTraces = unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/** OTLP metrics, passed on as they are. */
export const exportMetrics = unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");

/** `ContextService/Tail`: the last frame that the stream holds of a chain. */
export const tailMethod = unary("/enchanted.v1.ContextService/Tail");

/** `ContextService/StreamState`: how full the stream of frames is. */
export const streamStateMethod = unary("/enchanted.v1.ContextService/StreamState");

/** `ContextService/RecordState`: how the stores of the record keep up. */
export const recordStateMethod = unary("/enchanted.v1.ContextService/RecordState");

/** `ContextService/PutBlob`: chunks in, digest out. */
export const putBlobMethod: GrpcMethod = {
  path: "/enchanted.v1.ContextService/PutBlob",
  requestStream: true,
  responseStream: false,
};

/** `ContextService/GetBlob`: digest in, chunks out. */
export const getBlobMethod: GrpcMethod = {
  path: "/enchanted.v1.ContextService/GetBlob",
  requestStream: false,
  responseStream: true,
};

/** `ContextService/Inbox`: what is for the caller, as it comes. */
export const inboxMethod: GrpcMethod = {
  path: "/enchanted.v1.ContextService/Inbox",
  requestStream: false,
  responseStream: true,
};

/** `ContextService/Recall`: what was learned before in the caller's namespace. */
export const recallMethod = unary("/enchanted.v1.ContextService/Recall");

/** `ContextService/Erase`: orders that what frames say is erased. */
export const eraseMethod = unary("/enchanted.v1.ContextService/Erase");

/** `ReaderService/Ask`: a question in, its answer out. */
export const askMethod: GrpcMethod = {
  path: "/enchanted.v1.ReaderService/Ask",
  requestStream: false,
  responseStream: true,
};

/** Metadata by which a component, or an external client, names the namespace that it works for; a pod's own is taken from its token. */
export const namespaceMetadata = "enchanted-namespace";

/** Metadata of an external client with a recorder of its own: the spans of the call are frames of its chain already. */
export const recordedMetadata = "enchanted-recorded";

/** Largest message either side sends or accepts, bytes. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
