/**
 * Every type by which the gateway refuses, and whether asking again may help: what only a person can mend is lasting. The status
 * does not tell, since what is wrong at the provider's side comes as 5xx.
 */
const gatewayRefusals = {
  address_not_allowed: "lasting",
  agent_deleted: "lasting",
  agent_room_full: "passing",
  binding_unknown: "passing",
  body_too_large: "lasting",
  body_too_slow: "passing",
  // Until somebody raises it, or the operator stops the agent.
  budget_exceeded: "passing",
  client_gone: "passing",
  encoding_not_supported: "lasting",
  gateway_busy: "passing",
  host_not_allowed: "lasting",
  identity_unavailable: "passing",
  internal: "passing",
  invalid_body: "lasting",
  invalid_check: "lasting",
  invalid_target: "lasting",
  method_not_allowed: "lasting",
  mission_deleted: "lasting",
  mission_not_found: "lasting",
  model_endpoint_invalid: "lasting",
  // The two that GitOps mends by itself while it replaces a Model or its Secret.
  model_key_unusable: "passing",
  model_not_found: "passing",
  // Until somebody gives it prices, or the operator stops the agent.
  model_not_priced: "passing",
  // Resolvers fail for a while.
  name_not_resolved: "passing",
  namespace_room_full: "passing",
  no_such_route: "lasting",
  not_a_pod: "lasting",
  not_the_operator: "lasting",
  // Told within a tunnel that was open already.
  not_tls: "lasting",
  operation_not_allowed: "lasting",
  provider_redirects: "lasting",
  provider_timeout: "passing",
  provider_unreachable: "passing",
  recording_unavailable: "passing",
  secret_not_allowed: "lasting",
  stale_attempt: "lasting",
  suspended: "passing",
  target_not_allowed: "lasting",
  target_unreachable: "passing",
  too_many_calls: "passing",
  too_many_tunnels: "passing",
  unauthenticated: "lasting",
  unknown_pod: "lasting",
  wrong_provider: "lasting",
} as const satisfies Readonly<Record<string, "lasting" | "passing">>;

/** The type of a refusal of the gateway, as `error.type` of its answer has it. */
export type GatewayRefusal = keyof typeof gatewayRefusals;

/** Whether a type is one of the gateway's that asking again cannot mend. */
export const isLastingRefusal = (type: string): boolean =>
  Object.hasOwn(gatewayRefusals, type) && gatewayRefusals[type as GatewayRefusal] === "lasting";
