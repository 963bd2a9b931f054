import type { IncomingMessage } from "node:http";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Model } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { resolveTarget, type AddressPolicy } from "#pipeline/gateway/address-policy.ts";
import type { ClusterView } from "#pipeline/gateway/cluster-view.ts";
import type { Lookups } from "#pipeline/gateway/lookups.ts";
import { readModelKey } from "#pipeline/gateway/model-key.ts";
import { parseModelEndpoint, upstreamUrl } from "#pipeline/gateway/routes.ts";
import { askUpstream } from "#pipeline/gateway/upstream.ts";
import { computeUpstreamHeaders } from "#pipeline/gateway/upstream-request.ts";

/** The verdict of a check, as the operator writes it into conditions. */
export type CheckResult = { readonly ok: boolean; readonly reason: string; readonly message: string };

/** What probes are made with. */
export type ProbeTools = {
  readonly view: Pick<ClusterView, "model" | "secret">;
  readonly addresses: AddressPolicy;
  readonly lookups: Lookups;
  readonly ca: readonly string[] | undefined;
  readonly clock: Pick<Clock, "after">;
};

const probeWithinMs = 15_000;

/** What an endpoint answered, as far as it counts. */
type Answered = { readonly status: number; readonly contentType: string; readonly begin: string };

const unusable = (message: string): CheckResult => ({ ok: false, reason: Reason.EndpointUnreachable, message });

// A TLS port tells a client without TLS so by 400 and in words, and a port of a web page answers whatever it is asked.
const judgeSpeaker = ({ status, contentType, begin }: Answered, url: URL): CheckResult | undefined => {
  if (status === 400 && url.protocol === "http:" && /HTTPS (server|port)/i.test(begin))
    return unusable(`${url.host} speaks TLS: begin spec.endpoint with https://`);
  if (status < 300 && /^text\/html/i.test(contentType))
    return unusable(`${url.host} answers with a web page: check port and path of spec.endpoint`);
  return undefined;
};

/** What a probe's answer says; undefined where this way of asking is not supported. */
const judgeProbe = (answered: Answered, url: URL): CheckResult | undefined => {
  const { status } = answered;
  const { host } = url;
  if (status === 401 || status === 403)
    return {
      ok: false,
      reason: Reason.AuthenticationFailed,
      message: `${host} refuses the key (${status}): check the Secret that apiKeySecretRef names`,
    };
  if (status === 404 || status === 405 || status === 501) return undefined;
  if (status >= 500) return unusable(`${host} answers with an error (${status})`);
  if (status >= 300 && status < 400)
    return unusable(`${host} redirects (${status}): name the final address in spec.endpoint`);
  return judgeSpeaker(answered, url) ?? { ok: true, reason: Reason.ProbeSucceeded, message: `${host} answers` };
};

// Some have it in the middle of their path: /v1beta/openai.
const hasVersion = ({ pathname }: URL): boolean => /\/v\d[^/]*(\/|$)/i.test(pathname);

/** Neither models nor answers: another path, or a model that the server does not have. */
const notThere = ({ status }: Answered, { href }: URL, endpoint: URL): CheckResult => {
  const advice = hasVersion(endpoint)
    ? "check port and path of spec.endpoint, and spec.model"
    : "spec.endpoint must end with the version, such as /v1";
  return unusable(`${href} is not there (${status}): ${advice}`);
};

const smallestRequest = (model: Model): { readonly operation: string; readonly body: Buffer } => ({
  operation: model.spec.provider === "Anthropic" ? "messages" : "chat/completions",
  body: Buffer.from(
    JSON.stringify({ model: model.spec.model, max_tokens: 1, messages: [{ role: "user", content: "ping" }] }),
  ),
});

const beginWithinMs = 2_000;

/** The first bytes of an answer that may never end. */
const beginOf = (response: IncomingMessage, clock: ProbeTools["clock"]): Promise<string> =>
  new Promise((resolve) => {
    const cancel = clock.after(beginWithinMs, () => resolve(""));
    const finish = (text: string): void => {
      cancel();
      resolve(text);
    };
    response.once("data", (chunk: Buffer) => finish(chunk.toString("utf8", 0, 1024)));
    for (const event of ["end", "error", "close"]) response.once(event, () => finish(""));
  });

const answeredBy = async (response: IncomingMessage, { clock }: ProbeTools): Promise<Answered> => {
  const { statusCode: status = 0, headers } = response;
  const begin = status === 400 ? await beginOf(response, clock) : "";
  response.destroy();
  return { status, contentType: headers["content-type"] ?? "", begin };
};

const probe = async (
  tools: ProbeTools,
  model: Model,
  endpoint: URL,
  apiKey: string | undefined,
): Promise<CheckResult> => {
  const listUrl = upstreamUrl(endpoint, "models");
  const port = Number(listUrl.port || (listUrl.protocol === "https:" ? 443 : 80));
  const { namespace = "", uid } = model.metadata;
  const resolve = tools.lookups.of({ namespace, agentUid: uid });
  const target = await resolveTarget({ host: listUrl.hostname, port }, tools.addresses, resolve);
  if (target.kind === "refused") return unusable(target.refusal.message);
  const shared = {
    target: target.value,
    headers: computeUpstreamHeaders({}, model.spec.provider, apiKey),
    ca: tools.ca,
    answerWithinMs: probeWithinMs,
    signal: new AbortController().signal,
    clock: tools.clock,
  };
  const listed = await askUpstream({ ...shared, url: listUrl, method: "GET" });
  if (listed.kind === "failed") return unusable(listed.message);
  const verdict = judgeProbe(await answeredBy(listed.response, tools), listUrl);
  if (verdict !== undefined) return verdict;
  // Not every server lists its models; a request of one token shows the same.
  const { operation, body } = smallestRequest(model);
  const url = upstreamUrl(endpoint, operation);
  const asked = await askUpstream({ ...shared, url, method: "POST", body });
  if (asked.kind === "failed") return unusable(asked.message);
  const answered = await answeredBy(asked.response, tools);
  return judgeProbe(answered, url) ?? notThere(answered, url, endpoint);
};

/** Checks a Model: its Secret, then its endpoint with the key. */
export const checkModel = async (
  tools: ProbeTools,
  ref: { readonly namespace: string; readonly name: string },
): Promise<CheckResult> => {
  const model = tools.view.model(ref);
  if (model === undefined)
    return { ok: false, reason: Reason.ModelNotFound, message: `Model "${ref.namespace}/${ref.name}" does not exist` };
  const endpoint = parseModelEndpoint(model);
  if (endpoint.kind === "refused") return unusable(endpoint.refusal.message);
  const key = await readModelKey(tools.view, model, endpoint.value.host);
  if (key.kind === "refused") return { ok: false, reason: key.reason, message: key.message };
  return probe(tools, model, endpoint.value, key.apiKey);
};
