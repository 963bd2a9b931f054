import { judgeSecret } from "#nervous-system/kubernetes/secret-use.ts";
import type { Fork, Forge } from "#supervisor/forge/forge.ts";
import type { Admitted } from "#supervisor/publish/admit-proposal.ts";
import { asStep, done, refuse, type Refused, type Step } from "#supervisor/publish/proposal.ts";

/**
 * Whether the mission's Secret may be used for the fork, too: who made the Secret says so by its annotation, since the fork may be
 * somebody's own, with CI and secrets of its own. Refused at once: until the mission fails, nothing would tell of it.
 */
export const judgeForkUse = ({ mission, secret }: Admitted, { url }: Pick<Fork, "url">): Refused | undefined => {
  const { metadata, spec } = mission;
  const wanted = { namespace: metadata.namespace ?? "", name: spec.workspace.secretRef?.name ?? "", keys: [] };
  const verdict = judgeSecret(secret, { ...wanted, use: "git", repo: url });
  return verdict.kind === "refused" ? refuse("ForkNotAllowed", verdict.message) : undefined;
};

const ensureFork = async (forge: Pick<Forge, "findFork" | "makeFork">, admitted: Admitted): Promise<Step<Fork>> => {
  const found = asStep(await forge.findFork());
  if (found.kind !== "ok") return found;
  const { isThere, ...fork } = found.value;
  // Before it is made: an account is not filled with what nothing is pushed to.
  const refused = judgeForkUse(admitted, fork);
  if (refused !== undefined) return refused;
  return isThere ? done(fork) : asStep(await forge.makeFork());
};

/** Where the branch is to be pushed: into a fork, made where there is none, or, without one, into the repository itself. */
export const chooseFork = async (
  forge: Pick<Forge, "findFork" | "makeFork">,
  admitted: Admitted,
): Promise<Step<Fork | undefined>> =>
  admitted.mission.spec.workspace.publish?.via === "Fork" ? ensureFork(forge, admitted) : done(undefined);
