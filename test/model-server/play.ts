import type { Writable } from "node:stream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { ChatRequest } from "#test/model-server/conversation.ts";
import { decide, type Decision } from "#test/model-server/decide.ts";
import type { Journal } from "#test/model-server/journal.ts";
import type { Turn } from "#test/model-server/protocols/protocol.ts";
import type { Scenario } from "#test/model-server/scenario.ts";

/** What a scenario server needs. */
export type ScenarioServerOptions = {
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly journal: Journal;
  readonly clock: Clock;
};

/** Why a request gets no answer of its scenario. */
export type Unplayed = {
  readonly kind: "unplayed";
  readonly status: number;
  readonly type: string;
  readonly message: string;
};

/** A request that was played: what to say, or how to misbehave. */
export type Played =
  | { readonly kind: "say"; readonly turn: Turn; readonly delayMs: number }
  | Extract<Decision, { kind: "fault" }>;

/** Finds what the scenario of a request says, and remembers it. */
export const play = (
  { scenarios, journal, clock }: ScenarioServerOptions,
  name: string,
  request: ChatRequest,
): Played | Unplayed => {
  const scenario = scenarios.get(name);
  if (scenario === undefined) {
    const message = `no scenario "${name}"; there are: ${[...scenarios.keys()].join(", ")}`;
    return { kind: "unplayed", status: 404, type: "model_not_found", message };
  }
  const decision = decide(scenario, request, journal.strike(name, request));
  if (decision.kind === "refuse") {
    journal.failed({ scenario: name, turn: decision.turn, problem: decision.problem });
    const message = `scenario "${name}", step ${decision.turn + 1}: ${decision.problem}`;
    return { kind: "unplayed", status: 422, type: "scenario_expectation_failed", message };
  }
  journal.played(name, decision.turn);
  if (decision.kind === "fault") return decision;
  const { turn, answer, delayMs } = decision;
  const created = Math.floor(clock.now() / 1000);
  return { kind: "say", turn: { request, answer, turn, id: String(turn), created }, delayMs };
};

/** Waits before an answer; false when the client has gone meanwhile. */
export const waited = async (clock: Clock, delayMs: number, connection: Writable): Promise<boolean> => {
  const gone = new AbortController();
  connection.once("close", () => gone.abort());
  return clock.sleep(delayMs, gone.signal).then(
    () => true,
    () => false,
  );
};
