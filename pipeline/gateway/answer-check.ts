import type { IncomingMessage } from "node:http";
import * as z from "zod";
import { isForbidden } from "#nervous-system/kubernetes/errors.ts";
import { judgeSecret } from "#nervous-system/kubernetes/secret-use.ts";
import { Reason } from "#nervous-system/schemas/conditions.ts";
import { gitSecretKeys } from "#nervous-system/schemas/names.ts";
import { checkModel, type CheckResult, type ProbeTools } from "#pipeline/gateway/check-model.ts";
import { readBody } from "#pipeline/gateway/read-body.ts";
import { granted, refused, type Granted } from "#pipeline/gateway/refusal.ts";

const name = z.string().min(1).max(253);

/** What the operator may ask to be checked. */
const checkRequestSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("Model"), namespace: name, name }),
  z.object({ kind: z.literal("GitSecret"), namespace: name, name, repo: z.string().min(1).max(2048) }),
  z.object({ kind: z.literal("Tenant"), namespace: name }),
]);

const maxCheckBytes = 16_384;

const parseCheck = (bytes: Buffer): Granted<z.infer<typeof checkRequestSchema>> => {
  try {
    const parsed = checkRequestSchema.safeParse(JSON.parse(bytes.toString("utf8")));
    return parsed.success
      ? granted(parsed.data)
      : refused(400, "invalid_check", `not a check: ${z.prettifyError(parsed.error)}`);
  } catch {
    return refused(400, "invalid_check", "a check is one JSON object");
  }
};

const checkGitSecret = async (
  tools: ProbeTools,
  check: { readonly namespace: string; readonly name: string; readonly repo: string },
): Promise<CheckResult> => {
  const secret = await tools.view.secret(check);
  const verdict = judgeSecret(secret, { ...check, use: "git", keys: Object.values(gitSecretKeys) });
  return verdict.kind === "usable"
    ? { ok: true, reason: Reason.Resolved, message: `the Secret may be used for ${check.repo}` }
    : { ok: false, reason: verdict.reason, message: verdict.message };
};

/** Whether missions may run in a namespace: where this release has its roles, asking for a Secret is not forbidden. */
const checkTenant = async (tools: ProbeTools, { namespace }: { readonly namespace: string }): Promise<CheckResult> => {
  await tools.view.secret({ namespace, name: "enchanted-tenant" });
  return { ok: true, reason: Reason.Resolved, message: `namespace "${namespace}" runs missions of this release` };
};

const answer = (tools: ProbeTools, check: z.infer<typeof checkRequestSchema>): Promise<CheckResult> => {
  switch (check.kind) {
    case "Model":
      return checkModel(tools, check);
    case "GitSecret":
      return checkGitSecret(tools, check);
    case "Tenant":
      return checkTenant(tools, check);
  }
};

/** Secrets may be read where the release has its roles, and nowhere else. */
const notTenant = (namespace: string): CheckResult => ({
  ok: false,
  reason: Reason.NotTenant,
  message: `namespace "${namespace}" runs no missions of this release: add it to the chart's value \`tenants\``,
});

/** Answers `POST /internal/v1/check`. */
export const answerCheck = async (tools: ProbeTools, incoming: IncomingMessage): Promise<Granted<CheckResult>> => {
  const { clock } = tools;
  const bytes = await readBody(incoming, { maxBytes: maxCheckBytes, take: () => granted(undefined), clock });
  if (bytes.kind === "refused") return bytes;
  const check = parseCheck(bytes.value);
  if (check.kind === "refused") return check;
  const { value } = check;
  try {
    return granted(await answer(tools, value));
  } catch (error) {
    if (isForbidden(error)) return granted(notTenant(value.namespace));
    throw error;
  }
};
