import { APICallError } from "ai";
import { parseJson } from "#nervous-system/codecs/exchange/fields.ts";
import { errorOf, readErrorBody } from "#nervous-system/codecs/exchange/provider-error.ts";
import { describeUnreadable } from "#nervous-system/codecs/exchange/unreadable.ts";
import { isLastingRefusal } from "#nervous-system/schemas/gateway-refusals.ts";
import { AnswerTooLarge } from "./provider.ts";

/** What a failed model call means for the agent. */
export type ModelFailure =
  | {
      readonly kind: "retry";
      readonly reason: string;
      readonly message: string;
      readonly afterMs?: number;
      readonly maxTries: number;
    }
  | { readonly kind: "stop"; readonly reason: string; readonly message: string };

/** The time limit of one model call. */
export class ModelTimeout extends Error {
  override readonly name = "ModelTimeout";
}

const patient = Number.POSITIVE_INFINITY;
// Another try may bring sense, many will not.
const fewTries = 3;

/** What the provider asks to wait, milliseconds; nothing, or a time gone by, is no hint and leaves it to our own backoff. */
const retryAfterMs = (headers: Record<string, string> | undefined, now: number): number | undefined => {
  const value = headers?.["retry-after"] ?? "";
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return ms > 0 ? ms : undefined;
};

const causes = (error: unknown): readonly unknown[] => {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && one !== null && chain.length < 8; one = (one as { cause?: unknown }).cause)
    chain.push(one);
  return chain;
};

const namedIn = (error: unknown, name: string): boolean =>
  causes(error).some((one) => (one as { name?: unknown }).name === name);

const maxWords = 800;

/** What the provider says for people; `status` tells that its whole answer is an error. */
const wordsOf = ({ responseBody, message }: APICallError): string =>
  (readErrorBody(responseBody ?? "")?.text ?? message).slice(0, maxWords);

/** What it says for programs. */
const codesOf = ({ responseBody }: APICallError): readonly string[] =>
  errorOf(parseJson(responseBody ?? ""))?.codes ?? [];

type Stop = { readonly reason: string; readonly advice?: string };

const refused: Stop = { reason: "ModelRequestRefused", advice: "the provider does not accept the request" };
const unpaid: Stop = {
  reason: "ModelQuotaExhausted",
  advice: "raise the limit of the provider's account, or pay its bill",
};

const usedUp: Stop = {
  reason: "ModelQuotaExhausted",
  advice: "the quota of the day is used up: wait for the next one, or have it raised",
};

const stops: Readonly<Record<number, Stop>> = {
  401: { reason: "ModelUnauthorized", advice: "check the Model's secret" },
  402: unpaid,
  403: { reason: "ModelForbidden", advice: "check what the Model's key may do" },
  404: { reason: "ModelNotFound", advice: "check the Model's name and endpoint" },
  405: { reason: "ModelNotFound", advice: "check the Model's endpoint: it takes no model calls" },
  410: { reason: "ModelNotFound", advice: "the provider has taken the model away; name another one" },
  413: { reason: "ModelRequestTooLarge", advice: "the conversation is larger than the provider accepts" },
  451: { reason: "ModelForbidden", advice: "the provider may not serve this account or place" },
  501: { reason: "ModelNotFound", advice: "check the Model's endpoint: it takes no model calls" },
};

// Of the refusals of a request only these may be over soon: a timeout, a conflict, a lock, too early, too many.
const passing = new Set([408, 409, 423, 425, 429]);
// What OpenAI and those who speak its protocol say of an account without money, as 429 too.
const exhausted = new Set(["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]);

// Google's ids of quotas name the time that they are for; one per minute is over soon.
const ofADay = /PerDay/;

/** Why a status means that asking again is in vain; undefined where it may help. */
const stopOf = (error: APICallError, status: number): Stop | undefined => {
  const codes = codesOf(error);
  if (codes.some((code) => exhausted.has(code))) return unpaid;
  if (codes.some((code) => ofADay.test(code))) return usedUp;
  const stop = stops[status] ?? (status < 500 && !passing.has(status) ? refused : undefined);
  // The gateway's own words say what to do; where it says so by 5xx, the Model's endpoint is wrong.
  return codes.some(isLastingRefusal) ? { reason: stop?.reason ?? "ModelNotFound" } : stop;
};

const classifyStatus = (error: APICallError, status: number, now: number): ModelFailure => {
  const message = `the model answered with status ${status}: ${wordsOf(error)}`;
  const stop = stopOf(error, status);
  if (stop !== undefined)
    return {
      kind: "stop",
      reason: stop.reason,
      message: stop.advice === undefined ? message : `${message}; ${stop.advice}`,
    };
  const reason = status === 429 ? "ModelRateLimited" : "ModelUnavailable";
  const afterMs = retryAfterMs(error.responseHeaders, now);
  return { kind: "retry", reason, message, maxTries: patient, ...(afterMs === undefined ? {} : { afterMs }) };
};

/** An answer under a status of success that is none: an error after all, of a kind that its code may tell, or nonsense. */
const classifySuccess = (error: APICallError, now: number): ModelFailure => {
  const { responseBody: body } = error;
  const told = errorOf(parseJson(body ?? ""));
  const status = Number(told?.codes.find((code) => /^[45]\d\d$/.test(code)));
  if (status > 0 || told?.codes.some((code) => exhausted.has(code))) return classifyStatus(error, status || 200, now);
  const unreadable = (body === undefined ? undefined : describeUnreadable(body)) ?? `cannot be read: ${error.message}`;
  const what =
    told === undefined ? `the model's answer ${unreadable}` : `the model answered with an error: ${told.text}`;
  return { kind: "retry", reason: "ModelNonsense", message: what.slice(0, maxWords), maxTries: fewTries };
};

/** Tells what a failed call means; `now` is wall time in milliseconds, for a Retry-After that is a date. */
export const classifyModelError = (error: unknown, now: number): ModelFailure => {
  const message = error instanceof Error ? error.message : String(error);
  if (namedIn(error, "ModelTimeout"))
    return { kind: "retry", reason: "ModelTimeout", message: "the model did not answer in time", maxTries: fewTries };
  if (causes(error).some((one) => one instanceof AnswerTooLarge))
    return { kind: "retry", reason: "ModelNonsense", message: "the model's answer never ended", maxTries: fewTries };
  if (!APICallError.isInstance(error))
    return {
      kind: "retry",
      reason: "ModelNonsense",
      message: `the model's answer cannot be read: ${message}`,
      maxTries: fewTries,
    };
  const status = error.statusCode;
  if (status === undefined)
    return {
      kind: "retry",
      reason: "ModelUnreachable",
      message: `the model cannot be reached: ${message}`,
      maxTries: patient,
    };
  return status < 300 ? classifySuccess(error, now) : classifyStatus(error, status, now);
};
