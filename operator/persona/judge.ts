import type { Persona } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { knownSecretIn } from "#nervous-system/recorder/redact.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";

/** Why a Persona cannot be used, and what to do; undefined where it can. Nothing takes a secret out of what a model is told. */
export const whyUnusable = ({ spec }: Persona): { reason: Reason; message: string } | undefined => {
  const kind = knownSecretIn(spec.systemPrompt);
  return kind === undefined
    ? undefined
    : {
        reason: Reason.SecretInPersona,
        message: `spec.systemPrompt holds a secret (${kind}), which would go to models and into the record: take it out, apply the Persona again, and revoke the secret.`,
      };
};
