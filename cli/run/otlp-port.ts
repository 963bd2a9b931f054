import { connect, createServer, type Socket } from "node:net";
import { join } from "#scribe/tunnel/join.ts";
import { descriptorOf, listen, type Place } from "#nervous-system/comms/socket/listen.ts";
import type { CallContext } from "#nervous-system/comms/grpc/server.ts";
import type { OtlpReceiver, TakeExport } from "#nervous-system/comms/grpc/otlp-service.ts";
import { whyForeign } from "../foreign-caller.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";

/** One port for HTTP/1.1 and for gRPC. */
type SharedPort = Pick<OtlpPort, "port" | "descriptor" | "close">;

/** Where connections go; asked for with the first connection of each kind. */
type SharedTargets = { http(): Promise<number>; grpc(): Promise<number> };

// HTTP/2 begins with "PRI * HTTP/2.0"; no method of OTLP over HTTP does.
const HTTP2 = "PRI ";

const passOn = async (socket: Socket, first: Buffer, targets: SharedTargets): Promise<Socket> => {
  const isHttp2 = first.subarray(0, HTTP2.length).toString("latin1") === HTTP2;
  const inner = connect(isHttp2 ? await targets.grpc() : await targets.http(), "127.0.0.1");
  inner.write(first);
  join(socket, inner);
  return inner;
};

const accept = (socket: Socket, targets: SharedTargets, keep: (socket: Socket) => void): void => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (first: Buffer) => {
    socket.pause();
    passOn(socket, first, targets).then(keep, () => socket.destroy());
  });
};

/** Listens and tells the protocols apart by a connection's first bytes. */
const openSharedPort = async (targets: SharedTargets, at: Place): Promise<SharedPort> => {
  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  };
  const server = createServer({ noDelay: true }, (socket) => {
    keep(socket);
    accept(socket, targets, keep);
  });
  const port = await listen(server, at);
  return {
    port,
    descriptor: descriptorOf(server),
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};

/** Where the program's own telemetry becomes frames. */
export type OtlpPort = {
  port: number;
  /** Of the socket that it listens on. */
  descriptor: number;
  close(): Promise<void>;
};

/** What the port needs. */
type OtlpPortOptions = {
  at: Place;
  host: Pick<Host, "clock">;
  record: Pick<OpenRecord, "hear" | "calls" | "settle">;
  /** Where spans and metrics go beside the record; nowhere without a collector. */
  beside: { passSpans(request: Buffer): void; passMetrics(request: Buffer): void } | undefined;
};

type Server = { port: number; close(graceMs: number): Promise<void> };

const GRACE_MS = 200;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

const receiverOf = async ({ record, beside }: OtlpPortOptions): Promise<OtlpReceiver> => {
  const { createOtlpInput } = await import("#scribe/inputs/otlp-input.ts");
  const receiver = createOtlpInput({
    recorder: { record: (frame, how) => record.hear(frame, how) },
    passSpans: (request) => beside?.passSpans(request),
    // Measurements are no context: an exporter must not fail for that, and the collector gets them when it is there.
    passMetrics: async (request, { encoding }) => {
      if (encoding === "protobuf") beside?.passMetrics(request);
      return undefined;
    },
    onRefused: () => undefined,
    calls: record.calls,
  });
  // Which calls of models are told already shows when they are.
  const settled =
    (take: TakeExport): TakeExport =>
    async (request, call) => {
      await record.settle();
      return take(request, call);
    };
  return { ...receiver, logs: settled(receiver.logs), traces: settled(receiver.traces) };
};

/** Refuses what comes by a browser; `host` is not among the metadata of gRPC, which no browser speaks without TLS. */
const admitting = async (): Promise<(call: Pick<CallContext, "metadata">) => Promise<undefined>> => {
  const { GrpcFailure, grpcStatus } = await import("#nervous-system/comms/grpc/failure.ts");
  return async ({ metadata }) => {
    const foreign = whyForeign({ host: metadata("host"), origin: metadata("origin") });
    if (foreign !== undefined) throw new GrpcFailure(grpcStatus.permissionDenied, foreign);
  };
};

const onError = (): void => undefined; // the program has heard of it by its answer

/** The servers behind the port are loaded when the program first speaks to it, so that one which never does has not waited. */
class OtlpServers {
  private readonly options: OtlpPortOptions;
  private readonly started = new Map<"http" | "grpc", Promise<Server>>();

  constructor(options: OtlpPortOptions) {
    this.options = options;
  }

  async portOf(kind: "http" | "grpc"): Promise<number> {
    const server = this.started.get(kind) ?? (kind === "http" ? this.startHttp() : this.startGrpc());
    this.started.set(kind, server);
    return (await server).port;
  }

  async close(): Promise<void> {
    const started = await Promise.allSettled(this.started.values());
    const servers = started.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    await Promise.all(servers.map((server) => server.close(GRACE_MS)));
  }

  private async startHttp(): Promise<Server> {
    const { startOtlpHttpServer } = await import("#nervous-system/comms/http/otlp-server.ts");
    const [receiver, admit] = [await receiverOf(this.options), await admitting()];
    const { clock } = this.options.host;
    // All programs are one address, which gets half of the room.
    const bodies = { maxBodyBytes: MAX_MESSAGE_BYTES, largestBodies: 8 };
    return startOtlpHttpServer({ address: "127.0.0.1:0", receiver, admit, ...bodies, clock, onError });
  }

  private async startGrpc(): Promise<Server> {
    const { startGrpcServer } = await import("#nervous-system/comms/grpc/server.ts");
    const { otlpGrpcHandlers } = await import("#nervous-system/comms/grpc/otlp-service.ts");
    const handlers = otlpGrpcHandlers(await receiverOf(this.options));
    const [admit, { clock }] = [await admitting(), this.options.host];
    return startGrpcServer({ address: "127.0.0.1:0", handlers, admit, clock, onError });
  }
}

/** Opens the port. */
export const openOtlpPort = async (options: OtlpPortOptions): Promise<OtlpPort> => {
  const servers = new OtlpServers(options);
  const targets = { http: () => servers.portOf("http"), grpc: () => servers.portOf("grpc") };
  const shared = await openSharedPort(targets, options.at);
  return {
    ...shared,
    close: async () => {
      await servers.close();
      await shared.close();
    },
  };
};

const signals = ["traces", "metrics", "logs"] as const;
type Signal = (typeof signals)[number];

const settingOf = (signal: Signal, what: "ENDPOINT" | "PROTOCOL"): string =>
  `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${what}`;

const isSet = (env: Host["env"], name: string): boolean => (env[name] ?? "") !== "";

/** Which of the program's telemetry already goes somewhere: that is the user's word, and stays. */
export const signalsElsewhere = (env: Host["env"]): readonly Signal[] =>
  signals.filter((signal) => isSet(env, "OTEL_EXPORTER_OTLP_ENDPOINT") || isSet(env, settingOf(signal, "ENDPOINT")));

/** Whether nothing of it is left for us. */
export const hasOwnEndpoint = (env: Host["env"]): boolean => signalsElsewhere(env).length === signals.length;

/**
 * What an OpenTelemetry exporter finds; the port speaks every protocol, so one that is set stays. Where a signal goes elsewhere,
 * the others are told of by their own names: the general protocol would be its protocol, too.
 */
export const otlpEnvironment = (port: number, env: Host["env"]): Record<string, string> => {
  const url = `http://127.0.0.1:${port}`;
  const general = (env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "") || "http/protobuf";
  const elsewhere = signalsElsewhere(env);
  if (elsewhere.length === 0) return { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: general };
  const ours = signals.filter((signal) => !elsewhere.includes(signal));
  return Object.fromEntries(
    ours.flatMap((signal) => {
      const protocol = (env[settingOf(signal, "PROTOCOL")] ?? "") || general;
      // A signal's own address is whole.
      const address = protocol === "grpc" ? url : `${url}/v1/${signal}`;
      return [
        [settingOf(signal, "ENDPOINT"), address],
        [settingOf(signal, "PROTOCOL"), protocol],
      ];
    }),
  );
};
