import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

/** What stands behind a component's plain HTTP port. */
export type HealthServerOptions = {
  /** 0 picks a free port. */
  readonly port: number;
  readonly host?: string;
  /** Connections at once, beyond which a new one is closed; no limit without it. */
  readonly maxConnections?: number;
  readonly registry: Registry;
  /** Sentences that say why the component is not ready; none means ready. */
  readonly unready: () => readonly string[];
};

/** A listening server. */
export type HealthServer = { readonly port: number; close(): Promise<void> };

const answer = (response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void => {
  response.writeHead(status, { "content-type": type }).end(body);
};

const listenerOf =
  ({ registry, unready }: HealthServerOptions): RequestListener =>
  (request, response) => {
    const [path] = request.url?.split("?") ?? [];
    if (path === "/metrics")
      return void registry.metrics().then(
        (text) => answer(response, 200, text, registry.contentType),
        (error: unknown) => answer(response, 500, `${String(error)}\n`),
      );
    // Whoever answers here still turns its event loop; what it waits for is readiness, which a restart does not cure.
    if (path === "/healthz") return answer(response, 200, "ok\n");
    if (path !== "/readyz") return answer(response, 404, "there are /metrics, /healthz and /readyz\n");
    const reasons = unready();
    answer(response, reasons.length === 0 ? 200 : 503, reasons.length === 0 ? "ok\n" : `${reasons.join("\n")}\n`);
  };

/** Serves /metrics, /healthz and /readyz; rejects where the port cannot be had. */
export const startHealthServer = (options: HealthServerOptions): Promise<HealthServer> =>
  new Promise((resolve, reject) => {
    const server = createServer(listenerOf(options));
    if (options.maxConnections !== undefined) server.maxConnections = options.maxConnections;
    server.once("error", reject);
    server.listen(options.port, options.host ?? "0.0.0.0", () => {
      const { port } = server.address() as AddressInfo;
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          server.closeAllConnections();
        });
      resolve({ port, close });
    });
  });
