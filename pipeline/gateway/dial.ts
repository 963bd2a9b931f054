import type { LookupFunction } from "node:net";
import type { ResolvedTarget } from "#pipeline/gateway/address-policy.ts";

// Longer than a slow link takes, and short enough for a few dead addresses before the one that lives.
const ATTEMPT_MS = 2_000;

/** Options of a connection to a target: Node tries its addresses one after the other, and resolves nothing again. */
export const dialOptions = ({ addresses, host, port }: ResolvedTarget, withinMs: number) => {
  const lookup: LookupFunction = (_host, _options, found) => found(null, [...addresses]);
  const attemptMs = Math.min(ATTEMPT_MS, Math.ceil(withinMs / addresses.length));
  return { host, port, lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: attemptMs };
};
