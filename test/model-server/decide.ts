import { checkStep } from "#test/model-server/check.ts";
import { turnOf, type ChatRequest } from "#test/model-server/conversation.ts";
import type { Answer, Fault, Scenario, Step } from "#test/model-server/scenario.ts";

/** What the server does with one request. */
export type Decision =
  | { kind: "answer"; turn: number; answer: Answer; delayMs: number }
  | { kind: "fault"; turn: number; fault: Exclude<Fault, { kind: "slow" }> }
  | { kind: "refuse"; turn: number; problem: string };

const fillIn = <T>(value: T, turn: number): T =>
  JSON.parse(JSON.stringify(value).replaceAll("${turn}", String(turn))) as T;

const stepAt = (scenario: Scenario, turn: number): number | undefined => {
  if (turn < scenario.steps.length) return turn;
  if (scenario.repeatFrom === undefined) return undefined;
  const period = scenario.steps.length - scenario.repeatFrom;
  return scenario.repeatFrom + ((turn - scenario.repeatFrom) % period);
};

const strikingFault = (step: Step, struck: number): Fault | undefined =>
  step.times === undefined || struck < step.times ? step.fault : undefined;

const asideOf = ({ asides }: Scenario, request: ChatRequest): Answer | undefined => {
  if (asides.length === 0) return undefined;
  const text = JSON.stringify(request.messages);
  return asides.find(({ contains }) => text.includes(contains))?.answer;
};

/**
 * Finds the step from the conversation alone (the number of answers in it), so that neither a restart of this server nor a
 * second attempt of an agent matters. `struck` tells how often this very request was met with the step's fault before.
 */
export const decide = (scenario: Scenario, request: ChatRequest, struck: number): Decision => {
  const aside = asideOf(scenario, request);
  if (aside !== undefined) return { kind: "answer", turn: -1, answer: aside, delayMs: 0 };
  const turn = turnOf(request);
  const index = stepAt(scenario, turn);
  const step = index === undefined ? undefined : scenario.steps[index];
  if (step === undefined)
    return { kind: "refuse", turn, problem: `the agent asks for step ${turn + 1} of ${scenario.steps.length}` };
  const problems = checkStep(step, request);
  if (problems.length > 0) return { kind: "refuse", turn, problem: problems.join("\n") };
  const fault = strikingFault(step, struck);
  if (fault !== undefined && fault.kind !== "slow") return { kind: "fault", turn, fault };
  const answer = fillIn(step.answer ?? { tools: [] }, turn);
  return { kind: "answer", turn, answer, delayMs: fault?.delayMs ?? 0 };
};
