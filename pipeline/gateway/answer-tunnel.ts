import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import { admitEgress } from "#pipeline/gateway/admit-egress.ts";
import { admitFetch } from "#pipeline/gateway/admit-fetch.ts";
import { authenticate, parseAuthorization } from "#pipeline/gateway/authenticate.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { granted, refusedUntil, type Granted, type Refusal } from "#pipeline/gateway/refusal.ts";
import { refuseTunnel, runTunnel, type TunnelLimits } from "#pipeline/gateway/tunnel.ts";
import { claimsAudience, type Principal, type TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What CONNECT requests are answered with. */
export type TunnelTools = {
  readonly reviews: TokenReviews;
  readonly view: Pick<ClusterView, "agent" | "agentNow" | "missionNow">;
  readonly addresses: AddressPolicy;
  readonly limits: TunnelLimits;
  readonly clock: Clock;
  /** Tunnels open at present, by audience and UID of their pod. */
  readonly open: Map<string, number>;
};

/** One kind of tunnel: whose tokens ask for it, where it may go, and how many of them a pod has at a time. */
type Door = { readonly audience: string; readonly admit: typeof admitFetch; readonly maxTunnels: number };

const fetchDoor: Door = { audience: audience.fetch, admit: admitFetch, maxTunnels: 8 };
/** A package manager opens a tunnel for each of its connections: npm up to 15. */
const egressDoor: Door = { audience: audience.collector, admit: admitEgress, maxTunnels: 32 };

// What a token says of itself only chooses the door; there it is reviewed for that door's audience.
const doorFor = (authorization: string | undefined): Door =>
  claimsAudience(parseAuthorization(authorization) ?? "", egressDoor.audience) ? egressDoor : fetchDoor;

/** Counts a tunnel in; answers how it is counted out, or why there is no room. */
const enter = (open: Map<string, number>, door: Door, principal: Principal): Granted<() => void> => {
  const key = `${door.audience}/${principal.pod?.uid ?? principal.username}`;
  const count = open.get(key) ?? 0;
  if (count >= door.maxTunnels)
    return refusedUntil(429, "too_many_tunnels", `at most ${door.maxTunnels} tunnels of one pod at a time`, 5);
  open.set(key, count + 1);
  return granted(() => {
    const left = (open.get(key) ?? 1) - 1;
    if (left <= 0) open.delete(key);
    else open.set(key, left);
  });
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
  const door = doorFor(header);
  const principal = await authenticate(tools.reviews, header, door.audience, 407);
  if (principal.kind === "refused") return refuse(principal);
  const endpoint = await door.admit(tools.view, principal.value, incoming.url ?? "", tools.clock);
  if (endpoint.kind === "refused") return refuse(endpoint);
  const target = await resolveTarget(endpoint.value, tools.addresses);
  if (target.kind === "refused") return refuse(target);
  const entered = enter(tools.open, door, principal.value);
  if (entered.kind === "refused") return refuse(entered);
  try {
    return await runTunnel(client, head, target.value, { ...tools.limits, clock: tools.clock });
  } finally {
    entered.value();
  }
};
