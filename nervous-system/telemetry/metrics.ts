import { onUnhandledRejection } from "#nervous-system/kernel/last-resort.ts";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

/** One metric as the table declares it; names and meanings of the first group are controller-runtime's. */
type MetricSpec = {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, in the metric's unit. */
  readonly buckets?: readonly number[];
};

const exponential = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start * factor ** i);

// As in controller-runtime, so that its dashboards read ours.
const RECONCILE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const QUEUE_BUCKETS = exponential(1e-6, 10, 10);
const QUESTION_BUCKETS = exponential(0.01, 2, 12);

const counter = (name: string, help: string, ...labels: string[]): MetricSpec & { type: "counter" } => ({
  type: "counter",
  name,
  help,
  labels,
});
const gauge = (name: string, help: string, ...labels: string[]): MetricSpec & { type: "gauge" } => ({
  type: "gauge",
  name,
  help,
  labels,
});
const seconds = (
  name: string,
  help: string,
  buckets: readonly number[],
  ...labels: string[]
): MetricSpec & { type: "histogram" } => ({ type: "histogram", name, help, labels, buckets });

/** Every metric of the product, once: code, documentation and dashboards take names from here. */
const metricTable = {
  reconcileTotal: counter(
    "controller_runtime_reconcile_total",
    "Reconciliations per controller and result (success, requeue_after, stalled, error).",
    "controller",
    "result",
  ),
  reconcileErrors: counter("controller_runtime_reconcile_errors_total", "Reconciliations that failed.", "controller"),
  reconcileSeconds: seconds(
    "controller_runtime_reconcile_time_seconds",
    "Duration of one reconciliation.",
    RECONCILE_BUCKETS,
    "controller",
  ),
  maxConcurrentReconciles: gauge(
    "controller_runtime_max_concurrent_reconciles",
    "Workers of the controller.",
    "controller",
  ),
  activeWorkers: gauge("controller_runtime_active_workers", "Workers that reconcile now.", "controller"),
  queueDepth: gauge("workqueue_depth", "Keys that are ready and not yet taken.", "name"),
  queueAdds: counter("workqueue_adds_total", "Keys queued.", "name"),
  queueSeconds: seconds("workqueue_queue_duration_seconds", "How long keys waited.", QUEUE_BUCKETS, "name"),
  workSeconds: seconds("workqueue_work_duration_seconds", "How long keys were worked on.", QUEUE_BUCKETS, "name"),
  unfinishedWorkSeconds: gauge(
    "workqueue_unfinished_work_seconds",
    "Age of all work in progress together; grows without bound when a worker hangs.",
    "name",
  ),
  longestRunningSeconds: gauge(
    "workqueue_longest_running_processor_seconds",
    "Age of the oldest work in progress.",
    "name",
  ),
  queueRetries: counter("workqueue_retries_total", "Keys queued again with backoff.", "name"),
  restRequests: counter(
    "rest_client_requests_total",
    "Requests to the API server by status code; <error> where no answer came.",
    "code",
    "method",
    "host",
  ),
  leaderStatus: gauge("leader_election_master_status", "1 while this process leads, else 0.", "name"),
  informerSilenceSeconds: gauge(
    "enchanted_informer_silence_seconds",
    "Time since the API server was last heard for a kind; over 60 means a stuck informer.",
    "resource",
  ),
  informerSteps: counter(
    "enchanted_informer_steps_total",
    "Lists and watches by how they ended (listed, watchEnded, failed).",
    "resource",
    "end",
  ),
  unhandledRejections: counter(
    "enchanted_unhandled_rejections_total",
    "Failures that no part of the process foresaw; each is a fault of ours, and in the log.",
  ),
  modelCalls: counter("enchanted_model_calls_total", "Exchanges with models by status; 0 where none came.", "status"),
  modelCallsBroken: counter(
    "enchanted_model_calls_broken_total",
    "Exchanges that did not come to their end, by who or what broke them.",
    "by",
  ),
  modelCallSeconds: seconds(
    "enchanted_model_call_seconds",
    "Duration of one exchange with a model, to its last byte.",
    [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  ),
  modelTokens: counter("enchanted_model_tokens_total", "Tokens by direction (input, output).", "direction"),
  connectionsCut: counter(
    "enchanted_connections_cut_total",
    "Connections cut by collector or gateway: others needed the place (crowded), or nobody showed a token in 30 s (stranger).",
    "reason",
  ),
  scribesDied: counter(
    "enchanted_scribes_died_total",
    "Attempts whose scribe ended twice while the agent worked, which nothing that an agent does may bring about.",
  ),
  gatewayTunnels: counter(
    "enchanted_gateway_tunnels_total",
    "Tunnels that are over, by how they ended: closed by a side, or cut and why.",
    "end",
  ),
  gatewayRefusals: counter("enchanted_gateway_refusals_total", "Requests not carried out, by reason.", "type"),
  publications: counter(
    "enchanted_publications_total",
    "Proposals answered and pull requests that were merged or closed later, by state.",
    "state",
  ),
  publicationRetries: counter(
    "enchanted_publication_retries_total",
    "Proposals put back because forge, cluster or store did not answer.",
  ),
  scribeWritten: gauge("enchanted_scribe_written_seq", "Last frame of the epoch that is in the log, on disk."),
  scribeStored: gauge("enchanted_scribe_stored_seq", "Last frame of the epoch that the stream holds."),
  scribeSettled: gauge(
    "enchanted_scribe_settled_seq",
    "Last frame of the epoch that every store holds, as last heard.",
  ),
  scribeFrames: counter("enchanted_scribe_frames_total", "Frames written, by the input they came through.", "input"),
  scribeWithheld: counter("enchanted_scribe_withheld_total", "Frames that a secret was cut out of."),
  scribeLogBytes: gauge("enchanted_scribe_log_bytes", "Bytes of the write-ahead log."),
  scribeLogSegments: gauge("enchanted_scribe_log_segments", "Files of the write-ahead log."),
  scribeStalled: gauge("enchanted_scribe_stalled", "1 while the log takes nothing, by reason.", "reason"),
  scribeExportFailing: gauge("enchanted_scribe_export_failing", "1 while the collector does not take frames."),
  scribeRefused: counter("enchanted_scribe_refused_total", "Frames refused before they got a number, by why.", "code"),
  scribeSpansLost: gauge("enchanted_scribe_span_exports_lost", "Exports of spans lost on their way out of the pod."),
  framesStored: counter(
    "enchanted_frames_stored_total",
    "Frames that the collector knows to be in the stream, on disk.",
  ),
  framesRefused: counter("enchanted_frames_refused_total", "Frames that the collector put a GAP in the place of."),
  exportsRefused: counter(
    "enchanted_exports_refused_total",
    "Exports and other calls refused as a whole, by gRPC status code.",
    "code",
  ),
  spansForwarded: counter("enchanted_span_exports_forwarded_total", "Exports of spans that the trace backend took."),
  blobsRefused: counter(
    "enchanted_blobs_refused_total",
    "Blobs refused since a namespace has filled its share of their store, by who pays (agents, components).",
    "payer",
  ),
  spansMoved: counter(
    "enchanted_spans_moved_total",
    "Spans that named a trace which their sender may not write, and went on in another.",
  ),
  spansLost: counter(
    "enchanted_span_exports_lost_total",
    "Exports of spans lost: best effort, the backend was away or slow.",
  ),
  questionSeconds: seconds(
    "enchanted_question_duration_seconds",
    "Time from a question to the end of its answer, by question and gRPC status code (0 is success).",
    QUESTION_BUCKETS,
    "question",
    "code",
  ),
  questionRows: counter("enchanted_question_read_rows_total", "Rows that stores have read for answers.", "question"),
  sinkFrames: counter("enchanted_sink_frames_total", "Frames that a sink's store holds.", "sink"),
  sinkBatches: counter(
    "enchanted_sink_batches_total",
    "Batches by how the store answered (written, retryable, rejected).",
    "sink",
    "result",
  ),
  sinkPoison: counter(
    "enchanted_sink_poison_total",
    "Messages that a sink could not keep and put to the dead letters.",
    "sink",
  ),
  sinkWatermark: gauge(
    "enchanted_sink_watermark",
    "Place in the stream up to which a sink's store holds everything.",
    "sink",
  ),
  lessonsWritten: counter(
    "enchanted_lessons_written_total",
    "Lessons that the summarizer made of missions' frames, by how their words were made (extractive, model).",
    "by",
  ),
  summaryCalls: counter(
    "enchanted_summary_calls_total",
    "Calls of the summarizer's model, by what they gave (made: a summary; unusable, refused, away: none).",
    "result",
  ),
  summaryTokens: counter(
    "enchanted_summary_tokens_total",
    "Tokens of the summarizer's model by direction (input, output).",
    "direction",
  ),
  streamBytes: gauge("enchanted_stream_bytes", "Bytes that the stream of frames holds."),
  streamLimitBytes: gauge(
    "enchanted_stream_limit_bytes",
    "Bytes that it may hold, 0 where only the server's storage bounds it; a full one takes no frame.",
  ),
  streamHeldMessages: gauge(
    "enchanted_stream_held_messages",
    "Messages that a reader or an unfinished mission still needs.",
  ),
  streamTrimmed: counter("enchanted_stream_trimmed_messages_total", "Messages that were trimmed."),
  recordGap: gauge("enchanted_record_gap", "Frames that a store lacks, as far as the auditor has seen.", "store"),
  recordDuplicates: gauge("enchanted_record_duplicates", "Frames that are in a store more than once.", "store"),
  recordFaults: gauge(
    "enchanted_record_faults",
    "Frames, edges or files that are not as they were written (missing, altered, doubled, unchained, unsigned, unknown, held).",
    "store",
    "kind",
  ),
  recordLagSeconds: gauge(
    "enchanted_record_lag_seconds",
    "Age of the oldest frame that a store does not hold yet, 0 where it holds all.",
    "store",
  ),
  auditRound: gauge(
    "enchanted_audit_last_round_timestamp_seconds",
    "When the auditor last looked at what is new, by what it walks over (record, graph, nodes, edges); 0 before the first time.",
    "walk",
  ),
  auditWalk: gauge(
    "enchanted_audit_last_walk_timestamp_seconds",
    "When the auditor last came to the end of all of the record; 0 before the first time.",
    "walk",
  ),
} as const satisfies Record<string, MetricSpec>;

/** Name of a metric in the table. */
export type MetricKey = keyof typeof metricTable;

type Built<S extends MetricSpec> = S["type"] extends "counter"
  ? Counter
  : S["type"] extends "gauge"
    ? Gauge
    : Histogram;

/** The chosen metrics, ready to be set, on one registry. */
export type Metrics<K extends MetricKey> = { readonly [P in K]: Built<(typeof metricTable)[P]> };

const build = (spec: MetricSpec, registers: Registry[]): Counter | Gauge | Histogram => {
  const { name, help, buckets } = spec;
  const labelNames = [...spec.labels];
  if (spec.type === "counter") return new Counter({ name, help, labelNames, registers });
  if (spec.type === "gauge") return new Gauge({ name, help, labelNames, registers });
  return new Histogram({ name, help, labelNames, registers, buckets: [...(buckets ?? [])] });
};

/** Registers the chosen metrics of the table; throws where one is registered already. */
export const createMetrics = <K extends MetricKey>(registry: Registry, keys: readonly K[]): Metrics<K> =>
  Object.fromEntries(keys.map((key) => [key, build(metricTable[key], [registry])])) as Metrics<K>;

/** An empty registry. */
export const createRegistry = (): Registry => new Registry();

/** A registry that counts the rejections which nobody handled in this process. */
export const createCountingRegistry = (): Registry => {
  const registry = createRegistry();
  const { unhandledRejections } = createMetrics(registry, ["unhandledRejections"]);
  onUnhandledRejection(() => unhandledRejections.inc());
  return registry;
};

/** The same with what Node says of the process: memory, CPU, event loop, garbage collection, open files. */
export const createProcessRegistry = (): Registry => {
  const registry = createCountingRegistry();
  collectDefaultMetrics({ register: registry });
  return registry;
};
