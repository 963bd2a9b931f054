import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import { readModelKey } from "#pipeline/gateway/model-key.ts";
import { upstreamUrl } from "#pipeline/gateway/routes.ts";
import { askUpstream, type UpstreamAnswer } from "#pipeline/gateway/upstream.ts";
import { computeUpstreamHeaders } from "#pipeline/gateway/upstream-request.ts";

/** The verdict of a check, as the operator writes it into conditions. */
export type CheckResult = { readonly ok: boolean; readonly reason: string; readonly message: string };

/** What probes are made with. */
export type ProbeTools = {
  readonly view: Pick<ClusterView, "model" | "secret">;
  readonly addresses: AddressPolicy;
  readonly ca: readonly string[] | undefined;
  readonly clock: Pick<Clock, "after">;
};

const probeWithinMs = 15_000;

/** What the status of a probe's answer says; undefined where this way of asking is not supported. */
const judgeProbe = (status: number, host: string): CheckResult | undefined => {
  if (status === 401 || status === 403)
    return {
      ok: false,
      reason: Reason.AuthenticationFailed,
      message: `${host} refuses the key (${status}): check the Secret that apiKeySecretRef names`,
    };
  if (status === 404 || status === 405 || status === 501) return undefined;
  if (status >= 500)
    return { ok: false, reason: Reason.EndpointUnreachable, message: `${host} answers with an error (${status})` };
  if (status >= 300 && status < 400)
    return {
      ok: false,
      reason: Reason.EndpointUnreachable,
      message: `${host} redirects (${status}): name the final address in spec.endpoint`,
    };
  return { ok: true, reason: Reason.ProbeSucceeded, message: `${host} answers` };
};

const smallestRequest = (model: Model): { readonly operation: string; readonly body: Buffer } => ({
  operation: model.spec.provider === "Anthropic" ? "messages" : "chat/completions",
  body: Buffer.from(
    JSON.stringify({ model: model.spec.model, max_tokens: 1, messages: [{ role: "user", content: "ping" }] }),
  ),
});

const statusOf = (answer: UpstreamAnswer): number | undefined => {
  if (answer.kind === "failed") return undefined;
  // Only the status counts, and an answer that never ends must not be read for ever.
  answer.response.destroy();
  return answer.response.statusCode ?? 0;
};

const probe = async (tools: ProbeTools, model: Model, apiKey: string | undefined): Promise<CheckResult> => {
  const listUrl = upstreamUrl(model.spec.endpoint, "models");
  const port = Number(listUrl.port || (listUrl.protocol === "https:" ? 443 : 80));
  const target = await resolveTarget({ host: listUrl.hostname, port }, tools.addresses);
  if (target.kind === "refused")
    return { ok: false, reason: Reason.EndpointUnreachable, message: target.refusal.message };
  const shared = {
    target: target.value,
    headers: computeUpstreamHeaders({}, model.spec.provider, apiKey),
    ca: tools.ca,
    answerWithinMs: probeWithinMs,
    signal: new AbortController().signal,
    clock: tools.clock,
  };
  const listed = await askUpstream({ ...shared, url: listUrl, method: "GET" });
  const status = statusOf(listed);
  if (listed.kind === "failed") return { ok: false, reason: Reason.EndpointUnreachable, message: listed.message };
  const verdict = judgeProbe(status ?? 0, listUrl.host);
  if (verdict !== undefined) return verdict;
  // Not every server lists its models; a request of one token shows the same.
  const { operation, body } = smallestRequest(model);
  const url = upstreamUrl(model.spec.endpoint, operation);
  const asked = await askUpstream({ ...shared, url, method: "POST", body });
  if (asked.kind === "failed") return { ok: false, reason: Reason.EndpointUnreachable, message: asked.message };
  return (
    judgeProbe(statusOf(asked) ?? 0, url.host) ?? {
      ok: false,
      reason: Reason.EndpointUnreachable,
      message: `${url.href} is not there (${statusOf(asked)}): spec.endpoint must end with the version, such as /v1`,
    }
  );
};

/** Checks a Model: its Secret, then its endpoint with the key. */
export const checkModel = async (
  tools: ProbeTools,
  ref: { readonly namespace: string; readonly name: string },
): Promise<CheckResult> => {
  const model = tools.view.model(ref);
  if (model === undefined)
    return { ok: false, reason: Reason.ModelNotFound, message: `Model "${ref.namespace}/${ref.name}" does not exist` };
  const key = await readModelKey(tools.view, model);
  if (key.kind === "refused") return { ok: false, reason: key.reason, message: key.message };
  return probe(tools, model, key.apiKey);
};
