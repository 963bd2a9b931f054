import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createSecureContext } from "node:tls";
import { urlToHttpOptions } from "node:url";
import { casOfPrograms } from "#nervous-system/kernel/trusted-cas.ts";
import { textIn } from "#nervous-system/codecs/otlp/frame-values.ts";
import { traceIdsIn, type TraceIds } from "#nervous-system/schemas/ids.ts";
import { passedHeadersWithCredentials } from "#scribe/inputs/model-headers.ts";
import { openModelPort, type CallRefusal, type CarriedCall } from "#scribe/inputs/model-port.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";
import { isExchange, renderModelCall, type Exchange } from "./exchange.ts";
import { modelTarget, type ModelTarget } from "./routes.ts";
import { watchCall } from "./watch-call.ts";

/** A port on loopback that passes calls of models on and records them. */
export type LocalModelPort = {
  port: number;
  /** Listens no more; calls under way have `graceMs` to end. */
  close(graceMs?: number): Promise<void>;
};

/** What the port needs. */
type LocalModelPortOptions = {
  host: Host;
  record: OpenRecord;
  trace: TraceIds;
  /** 0 takes a free one. */
  port: number;
};

/** The frame that will tell a call, and the span that it belongs to: the one that its request named, else the run's. */
type NamedCall = { readonly eventId: string; readonly trace: TraceIds };

const refusal = (status: number, message: string): CallRefusal => ({ status, type: "enchanted", message });

/** The proxies that the program would have used; Node's agents do not know the one for all protocols. */
const proxiesOf = (env: Host["env"]): NodeJS.ProcessEnv => {
  const all = env["ALL_PROXY"] || env["all_proxy"] || "";
  const unsaid = ["HTTP_PROXY", "HTTPS_PROXY"].filter((name) => !env[name] && !env[name.toLowerCase()]);
  return { ...env, ...(all.startsWith("http") ? Object.fromEntries(unsaid.map((name) => [name, all])) : {}) };
};

/** Routes calls; each is recorded when it is over, and never held back for that. */
class Calls {
  private readonly options: LocalModelPortOptions;
  private readonly http: HttpAgent;
  private https: HttpsAgent | undefined;
  private readonly recording = new Set<Promise<unknown>>();

  constructor(options: LocalModelPortOptions) {
    this.options = options;
    this.http = new HttpAgent(this.settings());
  }

  route({ url: path = "/" }: IncomingMessage): CarriedCall | CallRefusal {
    const target = modelTarget(path, this.options.host.env);
    if (target === undefined) return refusal(404, "this port serves /openai/v1/… and /anthropic/… only");
    const { url } = target;
    const agent = url.protocol === "http:" ? this.http : this.secure();
    return {
      to: { ...urlToHttpOptions(url), agent },
      headers: { "accept-encoding": "identity" },
      explain: ({ message }) => refusal(502, `${url.origin} cannot be reached: ${message}`),
      watch: (outgoing, incoming, answer) => this.watch(target, outgoing, incoming, answer),
    };
  }

  async close(): Promise<void> {
    this.http.destroy();
    this.https?.destroy();
    await Promise.all(this.recording);
  }

  private settings() {
    return { keepAlive: true, proxyEnv: proxiesOf(this.options.host.env) };
  }

  /** Trusts whom the program would have trusted; made when it is needed, since reading hundreds of certificates takes a while. */
  private secure(): HttpsAgent {
    this.https ??= new HttpsAgent({
      ...this.settings(),
      secureContext: createSecureContext({ ca: [...casOfPrograms(this.options.host.env)] }),
    });
    return this.https;
  }

  private watch(target: ModelTarget, outgoing: ClientRequest, incoming: IncomingMessage, answer: ServerResponse): void {
    const named = this.begin(incoming);
    watchCall({ outgoing, incoming, answer }, this.options.host.clock, (exchange) => {
      const told = exchange.then((call) => this.tell({ target, ...call }, incoming.method, named));
      this.recording.add(told);
      void told.finally(() => this.recording.delete(told));
    });
  }

  /** Names the call before it is over: an instrumented client tells of it, by the span that its request names, at once. */
  private begin({ headers: { traceparent } }: IncomingMessage): NamedCall {
    const { host, record, trace } = this.options;
    const own = typeof traceparent === "string" ? traceIdsIn(traceparent) : undefined;
    const eventId = host.ids.next();
    record.calls.carried({ eventId, trace: own });
    return { eventId, trace: own ?? trace };
  }

  private async tell(exchange: Exchange, method: string | undefined, { eventId, trace }: NamedCall): Promise<void> {
    if (!isExchange(method, exchange.request)) return;
    const { record } = this.options;
    const payload = renderModelCall(exchange);
    record.calls.carried({ eventId, responseId: textIn(payload["response_id"]) });
    await record.tell({ event_id: eventId, event_type: "MODEL_CALL", payload }, { producer: "scribe", trace });
  }
}

/** Listens on a port of loopback. */
export const openRecordedModelPort = async (options: LocalModelPortOptions): Promise<LocalModelPort> => {
  const calls = new Calls(options);
  const passed = passedHeadersWithCredentials;
  const server = await openModelPort({ port: options.port, passed, route: (incoming) => calls.route(incoming) });
  return {
    port: server.port,
    close: async (graceMs) => {
      await server.close(graceMs, options.host.clock);
      await calls.close();
    },
  };
};
