import { createMetrics, type createRegistry } from "#nervous-system/telemetry/metrics.ts";
import type { ExchangeEnd } from "#pipeline/gateway/exchange.ts";
import type { TunnelEnd } from "#pipeline/gateway/tunnel.ts";

/** What the gateway counts. */
export type GatewayMetrics = {
  exchange(end: ExchangeEnd): void;
  tunnel(end: TunnelEnd): void;
  connectionCut(reason: string): void;
  /** A request that was not carried out, by the type of its refusal. */
  refused(type: string): void;
};

/** Counts on a registry, under the names of the table. */
export const createGatewayMetrics = (registry: ReturnType<typeof createRegistry>): GatewayMetrics => {
  const metrics = createMetrics(registry, [
    "modelCalls",
    "modelCallsBroken",
    "modelCallSeconds",
    "modelTokens",
    "gatewayTunnels",
    "connectionsCut",
    "gatewayRefusals",
  ]);
  return {
    exchange: ({ status, latencyMs, facts, broken }) => {
      if (broken !== undefined) metrics.modelCallsBroken.inc({ by: broken.by });
      metrics.modelCalls.inc({ status: String(status) });
      metrics.modelCallSeconds.observe(latencyMs / 1000);
      metrics.modelTokens.inc({ direction: "input" }, facts.inputTokens ?? 0);
      metrics.modelTokens.inc({ direction: "output" }, facts.outputTokens ?? 0);
    },
    tunnel: (end) => metrics.gatewayTunnels.inc({ end }),
    connectionCut: (reason) => metrics.connectionsCut.inc({ reason }),
    refused: (type) => metrics.gatewayRefusals.inc({ type }),
  };
};
