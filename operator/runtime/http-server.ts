import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** What stands behind the operator's HTTP endpoints. */
export type HttpServerOptions = {
  /** 0 picks a free port. */
  port: number;
  host?: string;
  registry: Registry;
  /** Called before each scrape, to bring gauges up to date. */
  beforeScrape: () => void;
  /** Sentences that say why the process is not ready; none means ready. */
  unready: () => readonly string[];
};

/** A listening server. */
export type RuntimeServer = { readonly port: number; close(): Promise<void> };

const answer = (response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void => {
  response.writeHead(status, { "Content-Type": type }).end(body);
};

const scrape = async ({ registry, beforeScrape }: HttpServerOptions, response: ServerResponse): Promise<void> => {
  beforeScrape();
  answer(response, 200, await registry.metrics(), registry.contentType);
};

const listenerOf =
  (options: HttpServerOptions): RequestListener =>
  (request, response) => {
    const path = request.url?.split("?")[0];
    if (path === "/metrics") {
      scrape(options, response).catch((error: unknown) => answer(response, 500, String(error)));
    } else if (path === "/healthz") {
      // Whoever answers here still turns its event loop; what it waits for is readiness, which a restart does not cure.
      answer(response, 200, "ok\n");
    } else if (path === "/readyz") {
      const reasons = options.unready();
      answer(response, reasons.length === 0 ? 200 : 503, reasons.length === 0 ? "ok\n" : `${reasons.join("\n")}\n`);
    } else {
      answer(response, 404, "there are /metrics, /healthz and /readyz\n");
    }
  };

/** Serves /metrics, /healthz and /readyz; rejects where the port cannot be had. */
export const startHttpServer = (options: HttpServerOptions): Promise<RuntimeServer> =>
  new Promise((resolve, reject) => {
    const server = createServer(listenerOf(options));
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      const { port } = server.address() as AddressInfo;
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          server.closeAllConnections();
        });
      resolve({ port, close });
    });
  });
