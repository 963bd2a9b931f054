import { judgeSecret } from "#nervous-system/kubernetes/secret-use.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";

/** The key of a Model, if it names one, or why it must not be used. */
export type ModelKey =
  | { readonly kind: "usable"; readonly apiKey: string | undefined }
  | {
      readonly kind: "refused";
      readonly reason: "SecretNotFound" | "SecretNotAllowed" | "SecretInvalid";
      readonly message: string;
    };

// Headers carry little more, and every provider's keys are made of it.
const printable = /^[ -~]*$/;

/** Reads the key of a Model from its Secret, if that is meant for `host`, where it is about to be sent. */
export const readModelKey = async (
  view: Pick<ClusterView, "secret">,
  model: Model,
  host: string,
): Promise<ModelKey> => {
  const ref = model.spec.apiKeySecretRef;
  if (ref === undefined) return { kind: "usable", apiKey: undefined };
  const namespace = model.metadata.namespace ?? "";
  const verdict = judgeSecret(await view.secret({ namespace, name: ref.name }), {
    namespace,
    name: ref.name,
    use: "model",
    host,
    keys: [ref.key],
  });
  if (verdict.kind === "refused") return verdict;
  const apiKey = verdict.values[ref.key];
  if (printable.test(apiKey ?? "")) return { kind: "usable", apiKey };
  const message = `${ref.key} of Secret "${namespace}/${ref.name}" has characters that no API key has, such as a line break or a letter outside of ASCII: put the key into it again`;
  return { kind: "refused", reason: "SecretInvalid", message };
};
