import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import { authenticate } from "#pipeline/gateway/authenticate.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { admitTunnel } from "#pipeline/gateway/fetch-target.ts";
import { refusedUntil, type Granted, type Refusal } from "#pipeline/gateway/refusal.ts";
import { refuseTunnel, runTunnel, type TunnelLimits } from "#pipeline/gateway/tunnel.ts";
import type { Principal, TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What CONNECT requests are answered with. */
export type TunnelTools = {
  readonly reviews: TokenReviews;
  readonly view: Pick<ClusterView, "agent" | "agentNow" | "missionNow">;
  readonly addresses: AddressPolicy;
  readonly limits: TunnelLimits;
  readonly clock: Clock;
  /** Tunnels open at present, by the UID of their pod. */
  readonly open: Map<string, number>;
};

const maxTunnelsPerPod = 8;

const enter = (open: Map<string, number>, principal: Principal): Granted<never> | undefined => {
  const key = principal.pod?.uid ?? principal.username;
  const count = open.get(key) ?? 0;
  if (count >= maxTunnelsPerPod)
    return refusedUntil(429, "too_many_tunnels", `at most ${maxTunnelsPerPod} tunnels of one pod at a time`, 5);
  open.set(key, count + 1);
  return undefined;
};

const leave = (open: Map<string, number>, principal: Principal): void => {
  const key = principal.pod?.uid ?? principal.username;
  const count = (open.get(key) ?? 1) - 1;
  if (count <= 0) open.delete(key);
  else open.set(key, count);
};

/** Answers one CONNECT request; resolves when the tunnel is over, with the refusal when there was none. */
export const answerTunnel = async (
  tools: TunnelTools,
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<Refusal | undefined> => {
  const refuse = (result: { readonly refusal: Refusal }): Refusal => {
    refuseTunnel(client, result.refusal);
    return result.refusal;
  };
  const header = incoming.headers["proxy-authorization"];
  const principal = await authenticate(tools.reviews, header, audience.fetch, 407);
  if (principal.kind === "refused") return refuse(principal);
  const endpoint = await admitTunnel(tools.view, principal.value, incoming.url ?? "", tools.clock);
  if (endpoint.kind === "refused") return refuse(endpoint);
  const target = await resolveTarget(endpoint.value, tools.addresses);
  if (target.kind === "refused") return refuse(target);
  const full = enter(tools.open, principal.value);
  if (full?.kind === "refused") return refuse(full);
  try {
    return await runTunnel(client, head, target.value, { ...tools.limits, clock: tools.clock });
  } finally {
    leave(tools.open, principal.value);
  }
};
