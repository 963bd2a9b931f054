import { APICallError } from "ai";
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

const retryAfterMs = (headers: Record<string, string> | undefined, now: number): number | undefined => {
  const value = headers?.["retry-after"];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(seconds * 1000, 0);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(at - now, 0);
};

const causes = (error: unknown): readonly unknown[] => {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && one !== null && chain.length < 8; one = (one as { cause?: unknown }).cause)
    chain.push(one);
  return chain;
};

const namedIn = (error: unknown, name: string): boolean =>
  causes(error).some((one) => (one as { name?: unknown }).name === name);

const answerOf = (error: APICallError): string => (error.responseBody ?? error.message).slice(0, 800);

const stops: Readonly<Record<number, { reason: string; advice: string }>> = {
  400: { reason: "ModelRequestRefused", advice: "the provider does not accept the request" },
  401: { reason: "ModelUnauthorized", advice: "check the Model's secret" },
  403: { reason: "ModelForbidden", advice: "check what the Model's key may do" },
  404: { reason: "ModelNotFound", advice: "check the Model's name and endpoint" },
  413: { reason: "ModelRequestTooLarge", advice: "the conversation is larger than the provider accepts" },
  422: { reason: "ModelRequestRefused", advice: "the provider does not accept the request" },
};

const classifyStatus = (error: APICallError, status: number, now: number): ModelFailure => {
  const message = `the model answered with status ${status}: ${answerOf(error)}`;
  const stop = stops[status];
  if (stop !== undefined) return { kind: "stop", reason: stop.reason, message: `${message}; ${stop.advice}` };
  const reason = status === 429 ? "ModelRateLimited" : "ModelUnavailable";
  const afterMs = retryAfterMs(error.responseHeaders, now);
  return { kind: "retry", reason, message, maxTries: patient, ...(afterMs === undefined ? {} : { afterMs }) };
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
  if (status < 300)
    return {
      kind: "retry",
      reason: "ModelNonsense",
      message: `the model's answer cannot be read: ${message}`,
      maxTries: fewTries,
    };
  return classifyStatus(error, status, now);
};
