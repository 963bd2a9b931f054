import type { IncomingMessage, ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { serve, type HttpServer } from "./serve.ts";

/** What stands behind a component's plain HTTP port. */
type HealthServerOptions = {
  /** 0 picks a free port. */
  readonly port: number;
  /** All of the machine's addresses without it. */
  readonly host?: string;
  /** See `Place`. */
  readonly reusePort?: boolean | undefined;
  /** Connections at once, beyond which a new one is closed; 1,024 without it. */
  readonly maxConnections?: number;
  readonly registry: Registry;
  /** Called before each scrape, to bring gauges up to date. */
  readonly beforeScrape?: () => void;
  /** Sentences that say why the component is not ready; none means ready. */
  readonly unready: () => readonly string[];
};

const answer = (response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void => {
  response.writeHead(status, { "content-type": type }).end(body);
};

const scrape = async ({ registry, beforeScrape }: HealthServerOptions, response: ServerResponse): Promise<void> => {
  try {
    beforeScrape?.();
    answer(response, 200, await registry.metrics(), registry.contentType);
  } catch (error) {
    answer(response, 500, `${String(error)}\n`);
  }
};

const answerFor =
  (options: HealthServerOptions) =>
  async ({ url }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path] = url?.split("?") ?? [];
    if (path === "/metrics") return scrape(options, response);
    // Whoever answers here still turns its event loop; what it waits for is readiness, which a restart does not cure.
    if (path === "/healthz") return answer(response, 200, "ok\n");
    if (path !== "/readyz") return answer(response, 404, "there are /metrics, /healthz and /readyz\n");
    const reasons = options.unready();
    answer(response, reasons.length === 0 ? 200 : 503, reasons.length === 0 ? "ok\n" : `${reasons.join("\n")}\n`);
  };

/** Serves /metrics, /healthz and /readyz; rejects where the port cannot be had. */
export const startHealthServer = (options: HealthServerOptions): Promise<HttpServer> => {
  const { host, port, reusePort, maxConnections } = options;
  const at = { port, reusePort, ...(host === undefined ? {} : { host }) };
  return serve({ at, maxConnections, answer: answerFor(options) });
};
