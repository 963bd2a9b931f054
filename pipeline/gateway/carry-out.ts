import type { IncomingMessage, ServerResponse } from "node:http";
import { requestIdOf } from "#nervous-system/codecs/exchange/model-call-members.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Broken } from "#pipeline/gateway/broken.ts";
import type { CallShare } from "#pipeline/gateway/call-room.ts";
import { endClient, type Written } from "#pipeline/gateway/client-end.ts";
import type { ReadyCall } from "#pipeline/gateway/prepare-request.ts";
import { readRefusal } from "#pipeline/gateway/read-refusal.ts";
import { renderRefusal, type Refusal } from "#pipeline/gateway/refusal.ts";
import { relayAnswer, type Relayed } from "#pipeline/gateway/relay.ts";
import { askUpstream, type UpstreamAnswer, type UpstreamRequest } from "#pipeline/gateway/upstream.ts";

/** What answers are brought with. */
export type CarryTools = {
  readonly clock: Clock;
  readonly idleMs: number;
  readonly maxAnswerBytes: number;
};

/** Who asked, and what its answer may hold. */
export type AskingCall = Pick<ReadyCall, "body" | "signal"> & {
  readonly client: ServerResponse;
  readonly share: CallShare;
};

/** How a call came out: what was answered, and what its client is still to be told. */
export type CallOutcome = Omit<Relayed, "kept"> & {
  /** HTTP status of the provider; 0 when it gave none. */
  readonly status: number;
  /** Whether the provider may have worked on it: then it costs. */
  readonly isTaken: boolean;
  readonly requestId?: string | undefined;
  /** Set where the provider refused what the agent had not asked for: the client is told nothing of that. */
  readonly again?: true;
  /** Tells the client the rest, once the frame is written. */
  readonly finish: () => Promise<Written>;
};

type FailedAnswer = Extract<UpstreamAnswer, { kind: "failed" }>;

const brokenBy: Readonly<Record<FailedAnswer["why"], Broken["by"]>> = {
  silent: "provider_silent",
  unreachable: "provider_unreachable",
  aborted: "client_gone",
};

type Unanswered = Partial<Pick<CallOutcome, "status" | "isTaken">> & {
  readonly broken: Broken;
  readonly refusal: Refusal;
};

/** A call without an answer of the provider's own; `status` is the provider's, 0 without one. */
const unanswered = (
  tools: CarryTools,
  { client }: AskingCall,
  { status = 0, isTaken = false, broken, refusal }: Unanswered,
): CallOutcome => ({
  status,
  isTaken,
  isWhole: false,
  answer: Buffer.alloc(0),
  facts: {},
  spokenTokens: 0,
  broken,
  finish: async () => {
    if (client.destroyed) return "gone";
    const told = renderRefusal(refusal);
    client.writeHead(told.status, told.headers);
    return endClient(client, told.body, tools.clock);
  },
});

const failedOutcome = (tools: CarryTools, call: AskingCall, { why, message }: FailedAnswer): CallOutcome => {
  const refusal: Refusal =
    why === "silent"
      ? { status: 504, type: "provider_timeout", message }
      : { status: 502, type: "provider_unreachable", message };
  return unanswered(tools, call, { isTaken: why !== "unreachable", broken: { by: brokenBy[why], message }, refusal });
};

const goneBefore = (tools: CarryTools, call: AskingCall): CallOutcome => {
  const message = "the client went away before the provider was asked";
  return unanswered(tools, call, {
    broken: { by: "client_gone", message },
    refusal: { status: 502, type: "client_gone", message },
  });
};

const redirectOutcome = (tools: CarryTools, call: AskingCall, response: IncomingMessage): CallOutcome => {
  response.destroy();
  const message = `the endpoint redirects (${response.statusCode}); name the final address in the Model's endpoint`;
  return unanswered(tools, call, {
    status: response.statusCode ?? 0,
    broken: { by: "provider_redirects", message },
    refusal: { status: 502, type: "provider_redirects", message },
  });
};

const relayedOutcome = async (
  tools: CarryTools,
  call: AskingCall,
  apiKey: string | undefined,
  response: IncomingMessage,
): Promise<CallOutcome> => {
  const { client, signal, body, share } = call;
  const relayed = await relayAnswer({
    upstream: response,
    client,
    apiKey,
    dropsUsageEvent: body.added !== undefined,
    idleMs: tools.idleMs,
    maxBytes: tools.maxAnswerBytes,
    take: share.takeForAnswer,
    signal,
    clock: tools.clock,
  });
  const { statusCode: status = 0 } = response;
  return {
    ...relayed,
    status,
    isTaken: status >= 200 && status < 300,
    requestId: requestIdOf(response.headers),
    finish: async () => {
      if (relayed.broken === undefined) return endClient(client, relayed.kept, tools.clock);
      // A broken answer must look broken: the connection is cut instead of ended.
      client.destroy();
      return "gone";
    },
  };
};

/** A stream that is refused, maybe for the token counts that were asked for: then it is asked for again, without them. */
const refusedOutcome = async (
  tools: CarryTools,
  apiKey: string | undefined,
  response: IncomingMessage,
): Promise<CallOutcome> => ({
  ...(await readRefusal(response, apiKey, { withinMs: tools.idleMs, clock: tools.clock })),
  status: response.statusCode ?? 0,
  isTaken: false,
  requestId: requestIdOf(response.headers),
  again: true,
  finish: () => Promise.resolve("taken"),
});

// What providers answer to a member that they do not know.
const refusals = new Set([400, 422]);

/** Asks the provider and passes its answer on as it comes, all but the end; never rejects. */
export const carryOut = async (tools: CarryTools, call: AskingCall, request: UpstreamRequest): Promise<CallOutcome> => {
  if (call.client.destroyed) return goneBefore(tools, call);
  const answer = await askUpstream(request);
  if (answer.kind === "failed") return failedOutcome(tools, call, answer);
  const status = answer.response.statusCode ?? 0;
  if (status >= 300 && status < 400) return redirectOutcome(tools, call, answer.response);
  if (call.body.added !== undefined && refusals.has(status))
    return refusedOutcome(tools, request.apiKey, answer.response);
  return relayedOutcome(tools, call, request.apiKey, answer.response);
};
