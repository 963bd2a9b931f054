import {
  Agent as HttpAgent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { TraceIds } from "#nervous-system/schemas/ids.ts";
import { listen, portOf } from "#scribe/inputs/listen.ts";
import { passedHeadersWithCredentials } from "#scribe/inputs/model-headers.ts";
import type { Host } from "../host.ts";
import type { OpenRecord } from "../record/open-record.ts";
import { createBodyCopy, isExchange, readAnswer, renderModelCall, type Exchange } from "./exchange.ts";
import { modelTarget, type ModelTarget } from "./routes.ts";

/** A port on loopback that passes calls of models on and records them. */
export type LocalModelPort = { port: number; close(): Promise<void> };

/** What the port needs. */
export type ModelPortOptions = { host: Host; record: OpenRecord; trace: TraceIds };

const answerError = (answer: ServerResponse, status: number, message: string): void => {
  if (answer.headersSent) return void answer.destroy(); // a cut stream is the only honest sign in the middle of an answer
  answer.writeHead(status, { "content-type": "application/json" });
  answer.end(JSON.stringify({ error: { type: "enchanted", message } }));
};

/** Carries calls; each is recorded when it is over, and never held back for that. */
class Carrier {
  private readonly options: ModelPortOptions;
  private readonly agents: { "http:": HttpAgent; "https:": HttpsAgent };
  private readonly recording = new Set<Promise<unknown>>();

  constructor(options: ModelPortOptions) {
    this.options = options;
    // The proxy that the program would have used.
    const settings = { keepAlive: true, proxyEnv: { ...options.host.env } };
    this.agents = { "http:": new HttpAgent(settings), "https:": new HttpsAgent(settings) };
  }

  carry(incoming: IncomingMessage, answer: ServerResponse): void {
    const target = modelTarget(incoming.url ?? "/", this.options.host.env);
    if (target === undefined) return answerError(answer, 404, "this port serves /openai/v1/… and /anthropic/… only");
    const { clock } = this.options.host;
    const began = clock.monotonicMs();
    const [asked, answered] = [createBodyCopy(), createBodyCopy()];
    let response: IncomingMessage | undefined;
    let isOver = false;
    const over = (error?: string): void => {
      if (isOver) return;
      isOver = true;
      const request = asked.text();
      if (!isExchange(incoming.method, request)) return;
      const facts = readAnswer(response?.headers["content-type"] ?? "", answered.text());
      const latencyMs = Math.round(clock.monotonicMs() - began);
      this.tell({ target, request, answer: facts, status: response?.statusCode ?? 0, latencyMs, error });
    };
    const outgoing = this.send(target, incoming, (from) => {
      response = from;
      answer.writeHead(from.statusCode ?? 502, passedHeadersWithCredentials(from.headers));
      answer.flushHeaders();
      from.on("data", (chunk: Buffer) => answered.add(chunk));
      from.once("end", () => over());
      from.once("aborted", () => {
        over("the answer was cut");
        answer.destroy();
      });
      from.on("error", () => undefined);
      from.pipe(answer);
    });
    outgoing.once("error", (error) => {
      over(error.message);
      answerError(answer, 502, `${target.url.origin} cannot be reached: ${error.message}`);
    });
    answer.once("close", () => {
      over("the program hung up");
      outgoing.destroy();
    });
    incoming.on("data", (chunk: Buffer) => asked.add(chunk));
    incoming.pipe(outgoing);
  }

  async close(): Promise<void> {
    this.agents["http:"].destroy();
    this.agents["https:"].destroy();
    await Promise.all(this.recording);
  }

  private send(
    target: ModelTarget,
    incoming: IncomingMessage,
    onAnswer: (from: IncomingMessage) => void,
  ): ReturnType<typeof httpRequest> {
    const { url } = target;
    const headers = { ...passedHeadersWithCredentials(incoming.headers), "accept-encoding": "identity" };
    const isPlain = url.protocol === "http:";
    const agent = this.agents[isPlain ? "http:" : "https:"];
    return (isPlain ? httpRequest : httpsRequest)(url, { agent, method: incoming.method ?? "GET", headers }, onAnswer);
  }

  private tell(exchange: Exchange): void {
    const frame = { event_type: "MODEL_CALL", payload: renderModelCall(exchange) };
    const told = this.options.record.tell(frame, { producer: "scribe", trace: this.options.trace });
    this.recording.add(told);
    void told.finally(() => this.recording.delete(told));
  }
}

/** Listens on a free port of loopback. */
export const openModelPort = async (options: ModelPortOptions): Promise<LocalModelPort> => {
  const carrier = new Carrier(options);
  const server = createServer({ requestTimeout: 0 }, (incoming, answer) => carrier.carry(incoming, answer));
  await listen(server, { port: 0 });
  return {
    port: portOf(server),
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await carrier.close();
    },
  };
};
