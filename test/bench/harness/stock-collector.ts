import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "#platform/process/ports.ts";
import { startService, type RunningService } from "#platform/process/service.ts";
import { ensureStockCollector } from "./peers.ts";

/** Where a stock collector sends what it queues: nowhere, or to another collector. */
export type StockOptions = {
  readonly directory: string;
  readonly name: string;
  /** Certificate of its receiver, and the CA of whom it sends to; plain text without. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  readonly port?: number;
  readonly sendTo?: number;
};

/** A running stock collector. */
export type StockCollector = {
  readonly service: RunningService;
  readonly port: number;
  /** Log records that it has accepted, as it counts them itself. */
  accepted(): Promise<number>;
};

// Whatever is accepted is on the medium: the queue writes through to the file and flushes it. The queue is as large as
// the outage needs, and what cannot be sent is tried again for ever.
const queue = "{ enabled: true, storage: file_storage, queue_size: 1000000, num_consumers: 10 }";

const exporters = ({ sendTo, tls }: StockOptions): { name: string; text: string } =>
  sendTo === undefined
    ? {
        name: "debug",
        // At level error nothing of this is written: it takes what it gets and lets it go.
        text: `debug: { verbosity: basic, use_internal_logger: true, sending_queue: ${queue} }`,
      }
    : {
        name: "otlp",
        text: `otlp: { endpoint: "127.0.0.1:${sendTo}", tls: ${tls === undefined ? "{ insecure: true }" : `{ ca_file: "${tls.caFile}" }`}, sending_queue: ${queue}, retry_on_failure: { enabled: true, initial_interval: 200ms, max_interval: 1s, max_elapsed_time: 0 } }`,
      };

const configOf = (options: StockOptions, ports: { port: number; metrics: number }): string => {
  const { tls, directory, name } = options;
  const exporter = exporters(options);
  const receiverTls = tls === undefined ? "" : `, tls: { cert_file: "${tls.certFile}", key_file: "${tls.keyFile}" }`;
  return `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: "127.0.0.1:${ports.port}"${receiverTls} }
exporters:
  ${exporter.text}
extensions:
  file_storage: { directory: "${join(directory, name)}", fsync: true, timeout: 10s }
service:
  extensions: [file_storage]
  telemetry:
    logs: { level: error }
    metrics:
      level: basic
      readers: [{ pull: { exporter: { prometheus: { host: "127.0.0.1", port: ${ports.metrics} } } } }]
  pipelines:
    logs: { receivers: [otlp], exporters: [${exporter.name}] }
`;
};

/** Sums a Prometheus counter over its labels; 0 while it is not there. */
const counter = async (port: number, name: string): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
};

/** Starts a stock collector: OTLP over TLS in, a persistent queue with fsync, then nothing or another collector. */
export const startStockCollector = async (options: StockOptions): Promise<StockCollector> => {
  const [free = 0, metrics = 0] = await freePorts(2);
  const port = options.port ?? free;
  await mkdir(join(options.directory, options.name), { recursive: true });
  const config = join(options.directory, `${options.name}.yaml`);
  await writeFile(config, configOf(options, { port, metrics }));
  const service = await startService(
    {
      name: options.name,
      command: [await ensureStockCollector(), "--config", `file:${config}`],
      ready: { kind: "tcp", host: "127.0.0.1", port },
    },
    join(options.directory, "logs"),
  );
  return { service, port, accepted: () => counter(metrics, "otelcol_receiver_accepted_log_records") };
};
