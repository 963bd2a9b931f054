import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { createKeyedSemaphore, type KeyedSemaphore } from "#nervous-system/kernel/semaphore.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import { admitEgress } from "#pipeline/gateway/admit-egress.ts";
import { admitFetch } from "#pipeline/gateway/admit-fetch.ts";
import { authenticate, parseAuthorization } from "#pipeline/gateway/authenticate.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import type { Refusal } from "#pipeline/gateway/refusal.ts";
import { refuseTunnel, runTunnel, type TunnelLimits } from "#pipeline/gateway/tunnel.ts";
import { claimsAudience, type TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What CONNECT requests are answered with. */
export type TunnelTools = {
  readonly reviews: TokenReviews;
  readonly view: Pick<ClusterView, "agent" | "agentNow" | "missionNow">;
  readonly addresses: AddressPolicy;
  readonly limits: TunnelLimits;
  readonly clock: Clock;
  /** Tunnels of each kind that are open, by UID of their pod. */
  readonly tunnels: Readonly<Record<TunnelKind, KeyedSemaphore>>;
};

type TunnelKind = "fetch" | "egress";

/** What a tunnel of a kind is: whose tokens ask for it, where it may go, and how many of them a pod has at a time. */
type TunnelRule = { readonly audience: string; readonly admit: typeof admitFetch; readonly maxTunnels: number };

const rules: Readonly<Record<TunnelKind, TunnelRule>> = {
  fetch: { audience: audience.fetch, admit: admitFetch, maxTunnels: 8 },
  // A package manager opens a tunnel for each of its connections: npm up to 15.
  egress: { audience: audience.collector, admit: admitEgress, maxTunnels: 32 },
};

/** Creates the bounds of a gateway without tunnels. */
export const createTunnelLimits = (): TunnelTools["tunnels"] => ({
  fetch: createKeyedSemaphore(rules.fetch.maxTunnels),
  egress: createKeyedSemaphore(rules.egress.maxTunnels),
});

// What a token says of itself only chooses the kind; then it is reviewed for that kind's audience.
const kindFor = (authorization: string | undefined): TunnelKind =>
  claimsAudience(parseAuthorization(authorization) ?? "", rules.egress.audience) ? "egress" : "fetch";

const tooMany = ({ maxTunnels }: TunnelRule): Refusal => ({
  status: 429,
  type: "too_many_tunnels",
  message: `at most ${maxTunnels} tunnels of one pod at a time`,
  retryAfterSeconds: 5,
});

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
  const kind = kindFor(header);
  const rule = rules[kind];
  const principal = await authenticate(tools.reviews, header, rule.audience, 407);
  if (principal.kind === "refused") return refuse(principal);
  const endpoint = await rule.admit(tools.view, principal.value, incoming.url ?? "", tools.clock);
  if (endpoint.kind === "refused") return refuse(endpoint);
  const target = await resolveTarget(endpoint.value, tools.addresses);
  if (target.kind === "refused") return refuse(target);
  const pod = principal.value.pod?.uid ?? principal.value.username;
  if (!tools.tunnels[kind].tryAcquire(pod, 1)) return refuse({ refusal: tooMany(rule) });
  try {
    return await runTunnel(client, head, target.value, { ...tools.limits, clock: tools.clock });
  } finally {
    tools.tunnels[kind].release(pod, 1);
  }
};
