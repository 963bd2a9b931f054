import { Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";
import { urlToHttpOptions } from "node:url";
import type { Place } from "#nervous-system/comms/socket/listen.ts";
import { casOfPrograms } from "#nervous-system/kernel/trusted-cas.ts";
import { textIn } from "#nervous-system/codecs/otlp/frame-values.ts";
import { traceIdsIn, type TraceIds } from "#nervous-system/schemas/ids.ts";
import { passedHeadersWithCredentials } from "#scribe/inputs/model-headers.ts";
import type { CallRefusal, CarriedCall } from "#scribe/inputs/carry-call.ts";
import { openModelPort } from "#scribe/inputs/model-port.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";
import { modelOf, renderWatchedCall } from "./exchange.ts";
import { proxyFor } from "./proxy.ts";
import { judgeCall } from "./judge-call.ts";
import { readRouteInputs } from "./read-settings.ts";
import { explainFailure, refuse } from "./refusals.ts";
import { modelTarget, planModelWays, tellProgram, type ModelTarget, type ModelWays } from "./routes.ts";
import { watchCall, type WatchedCall } from "./watch-call.ts";
import { watchSocket } from "./watch-socket.ts";

/** A port on loopback that passes calls of models on and records them. */
export type LocalModelPort = {
  /** Of the socket that it listens on. */
  descriptor: number;
  /** Variables by which the program finds the port. */
  variables: Readonly<Record<string, string>>;
  /** The program with the arguments by which it finds the port. */
  command(program: readonly string[]): readonly string[];
  /** Whose calls pass by, a sentence each. */
  leftAlone: readonly string[];
  /** Listens no more; calls under way have `graceMs` to end. */
  close(graceMs?: number): Promise<void>;
};

/** What the port needs. */
type LocalModelPortOptions = {
  host: Pick<Host, "env" | "cwd" | "clock" | "ids">;
  record: Pick<OpenRecord, "calls" | "soon" | "settle">;
  trace: TraceIds;
  program: readonly string[];
  at: Place;
  /** What paths begin with; nobody but the program knows it. */
  secret: string;
  /** Hears that a call begins, and that one is over. */
  onHeard: () => void;
};

/** The frame that will tell a call, and the span that its request named. */
type NamedCall = { readonly eventId: string; readonly trace: TraceIds | undefined };

/** Of a request and of an answer: what a provider would take is not ours to refuse, and none takes more. */
const MAX_HEADER_BYTES = 256 * 1024;

/** Routes calls; each is recorded when it is over, and never held back for that. */
class Calls {
  private readonly options: LocalModelPortOptions;
  private readonly ways: ModelWays;
  private readonly agents = new Map<string, HttpAgent>();
  private trusted: SecureContext | undefined;

  constructor(options: LocalModelPortOptions, ways: ModelWays) {
    this.options = options;
    this.ways = ways;
  }

  route(incoming: IncomingMessage): CarriedCall | CallRefusal {
    const judged = judgeCall(incoming, this.ways, this.options.secret);
    if ("status" in judged) return judged;
    this.options.onHeard();
    const target = modelTarget(judged.asked, judged);
    if (target === undefined) return refuse(404, "no base URL that this port gave leads there");
    const { url } = target;
    return {
      to: { ...urlToHttpOptions(url), agent: this.agentFor(url), maxHeaderSize: MAX_HEADER_BYTES },
      headers: { "accept-encoding": "identity" },
      explain: (error) => explainFailure(url, error),
      watch: (outgoing, _, answer) => {
        const named = this.name(incoming);
        watchCall({ outgoing, incoming, answer }, this.options.host.clock, {
          asked: (request) => this.begin(incoming, request, named),
          over: (read) => this.tellSoon(target, incoming, read, named),
        });
      },
      watchWebSocket: (client, upstream) =>
        watchSocket({ client, upstream }, this.options.host.clock, (one) =>
          this.tellSoon(target, { method: "POST" }, async () => one, this.name(incoming)),
        ),
    };
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.destroy();
    await this.options.record.settle();
  }

  /** Goes the way that the program would have gone; Node's own judgement of proxies knows fewer rules than programs do. */
  private agentFor(url: URL): HttpAgent {
    const proxy = proxyFor(url, this.options.host.env)?.href ?? "";
    const way = `${url.protocol} ${proxy}`;
    const settings = { keepAlive: true, proxyEnv: { http_proxy: proxy, https_proxy: proxy } };
    const agent =
      this.agents.get(way) ??
      (url.protocol === "http:"
        ? new HttpAgent(settings)
        : new HttpsAgent({
            ...settings,
            rejectUnauthorized: this.options.host.env["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0",
            secureContext: this.trust(),
          }));
    this.agents.set(way, agent);
    return agent;
  }

  /** Trusts whom the program would have trusted; made when it is needed, since reading hundreds of certificates takes a while. */
  private trust(): SecureContext {
    this.trusted ??= createSecureContext({ ca: [...casOfPrograms(this.options.host.env)] });
    return this.trusted;
  }

  private name({ headers: { traceparent } }: IncomingMessage): NamedCall {
    const trace = typeof traceparent === "string" ? traceIdsIn(traceparent) : undefined;
    return { eventId: this.options.host.ids.next(), trace };
  }

  /** Makes a call known before it is over: an instrumented client tells of it, by the span that its request names, at once. */
  private begin(asked: IncomingMessage, request: string | undefined, named: NamedCall): void {
    if (named.trace !== undefined && modelOf(asked, request) !== undefined) this.options.record.calls.carried(named);
  }

  /** The program has its answer, and does not wait for what is made of it. */
  private tellSoon(
    target: ModelTarget,
    asked: Pick<IncomingMessage, "method" | "url">,
    read: () => Promise<WatchedCall>,
    { eventId, trace }: NamedCall,
  ): void {
    const { record, trace: ofRun, onHeard } = this.options;
    onHeard();
    record.soon(async (tell) => {
      const call = await read();
      const model = modelOf(asked, call.request);
      if (model === undefined) return;
      const payload = renderWatchedCall({ target, model, ...call });
      record.calls.carried({ eventId, trace, responseId: textIn(payload["response_id"]) });
      const how = { producer: "scribe", trace: trace ?? ofRun } as const;
      await tell({ event_id: eventId, event_type: "MODEL_CALL", payload }, how);
    });
  }
}

/** Listens for the calls that this program makes. */
export const openRecordedModelPort = async (options: LocalModelPortOptions): Promise<LocalModelPort> => {
  const ways = planModelWays(await readRouteInputs(options.host, options.program));
  const calls = new Calls(options, ways);
  const server = await openModelPort({
    at: options.at,
    maxHeaderBytes: MAX_HEADER_BYTES,
    passed: passedHeadersWithCredentials,
    route: (incoming) => calls.route(incoming),
  });
  const told = tellProgram({ port: server.port, secret: options.secret }, ways);
  return {
    descriptor: server.descriptor,
    variables: told.variables,
    command: ([name = "", ...rest]) => [name, ...told.arguments, ...rest],
    leftAlone: ways.leftAlone,
    close: async (graceMs) => {
      await server.close(graceMs, options.host.clock);
      await calls.close();
    },
  };
};
