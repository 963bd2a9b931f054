import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { peerOf, type Doorway } from "#nervous-system/comms/socket/doorway.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Log } from "#nervous-system/kernel/log.ts";
import { audience } from "#nervous-system/schemas/names.ts";
import { resolveTarget, type AddressPolicy, type ResolvedTarget } from "#pipeline/gateway/address-policy.ts";
import { admitEgress } from "#pipeline/gateway/admit-egress.ts";
import { admitFetch } from "#pipeline/gateway/admit-fetch.ts";
import { authenticate, parseAuthorization } from "#pipeline/gateway/authenticate.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import type { Lookups } from "#pipeline/gateway/lookups.ts";
import { granted, type Granted } from "#pipeline/gateway/refusal.ts";
import { refuseTunnel } from "#pipeline/gateway/refuse-tunnel.ts";
import { runTunnel, type TunnelEnd, type TunnelLimits, type TunnelOver } from "#pipeline/gateway/tunnel.ts";
import type { TunnelKind, TunnelRoom } from "#pipeline/gateway/tunnel-room.ts";
import { claimsAudience, type Principal, type TokenReviews } from "#pipeline/identity/token-reviews.ts";

/** What CONNECT requests are answered with. */
export type TunnelTools = {
  readonly reviews: TokenReviews;
  readonly view: Pick<ClusterView, "agent" | "agentNow" | "missionNow" | "secret">;
  readonly addresses: AddressPolicy;
  readonly lookups: Lookups;
  readonly limits: TunnelLimits;
  readonly clock: Clock;
  readonly log: Pick<Log, "info">;
  readonly tunnels: TunnelRoom;
  readonly doorway: Pick<Doorway, "welcome">;
};

/** What a tunnel of a kind is: whose tokens ask for it, and where it may go. */
type TunnelRule = { readonly audience: string; readonly admit: typeof admitFetch };

const rules: Readonly<Record<TunnelKind, TunnelRule>> = {
  fetch: { audience: audience.fetch, admit: admitFetch },
  egress: { audience: audience.collector, admit: admitEgress },
};

// What a token says of itself only chooses the kind; then it is reviewed for that kind's audience.
const kindFor = (authorization: string | undefined): TunnelKind =>
  claimsAudience(parseAuthorization(authorization) ?? "", rules.egress.audience) ? "egress" : "fetch";

const targetOf = async (
  { view, clock, addresses, lookups }: TunnelTools,
  { admit }: TunnelRule,
  principal: Principal,
  authority: string,
): Promise<Granted<ResolvedTarget>> => {
  const endpoint = await admit(view, principal, authority, clock);
  if (endpoint.kind === "refused") return endpoint;
  const { namespace, pod, username } = principal;
  return resolveTarget(endpoint.value, addresses, lookups.of({ namespace, agentUid: pod?.uid ?? username }));
};

type Asked = { readonly kind: TunnelKind; readonly principal: Principal; readonly authority: string };

const told = ({ log }: TunnelTools, { kind, principal, authority }: Asked, { end, message }: TunnelOver): TunnelEnd => {
  const { namespace, pod } = principal;
  if (message !== undefined)
    log.info({ end, kind, namespace, pod: pod?.name, target: authority }, `a tunnel was cut: ${message}`);
  return end;
};

/** Opens the tunnel that a CONNECT asks for and resolves when it is over; a refusal is not told yet. */
const openTunnel = async (
  tools: TunnelTools,
  { headers, url = "", socket }: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<Granted<TunnelEnd>> => {
  const { reviews, doorway, tunnels, limits, clock } = tools;
  const header = headers["proxy-authorization"];
  const kind = kindFor(header);
  const principal = await authenticate(reviews, { header, from: socket }, rules[kind].audience, 407);
  if (principal.kind === "refused") return principal;
  doorway.welcome(peerOf(socket));
  const { namespace, username, pod } = principal.value;
  // Before anything that takes time: a pod that nobody knows yet is looked for, too.
  const entered = tunnels.enter(kind, namespace, pod?.uid ?? username);
  if (entered.kind === "refused") return entered;
  try {
    const target = await targetOf(tools, rules[kind], principal.value, url);
    if (target.kind === "refused") return target;
    const over = await runTunnel(client, head, target.value, { ...limits, clock });
    if (over.kind === "refused") return over;
    return granted(told(tools, { kind, principal: principal.value, authority: url }, over.value));
  } finally {
    entered.value();
  }
};

/** Answers one CONNECT request; resolves when the tunnel is over, with how it ended, or with the refusal when there was none. */
export const answerTunnel = async (
  tools: TunnelTools,
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
): Promise<Granted<TunnelEnd>> => {
  const result = await openTunnel(tools, incoming, client, head);
  if (result.kind === "refused") refuseTunnel(client, result.refusal, tools.clock);
  return result;
};
