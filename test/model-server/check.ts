import { newMessages, type ChatRequest } from "#test/model-server/conversation.ts";
import type { Expectation, Step } from "#test/model-server/scenario.ts";

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

const shown = (text: string): string => (text.length > 600 ? `${text.slice(0, 300)} … ${text.slice(-300)}` : text);

const exitCodeIn = (text: string): number | undefined => {
  const found = /^exit code (-?\d+)/m.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
};

const problemsOf = (want: Expectation, text: string): string[] => {
  const problems = [
    ...list(want.contains)
      .filter((one) => !text.includes(one))
      .map((one) => `does not contain ${JSON.stringify(one)}`),
    ...list(want.lacks)
      .filter((one) => text.includes(one))
      .map((one) => `contains ${JSON.stringify(one)}`),
  ];
  if (want.matches !== undefined && !new RegExp(want.matches, "m").test(text))
    problems.push(`does not match /${want.matches}/`);
  if (want.exitCode !== undefined && exitCodeIn(text) !== want.exitCode)
    problems.push(`has exit code ${exitCodeIn(text) ?? "none"}, not ${want.exitCode}`);
  return problems;
};

/** The problems of one demand; a tool that was called several times satisfies it by any of its results. */
const checkOne = (want: Expectation, request: ChatRequest): string[] => {
  const messages = newMessages(request);
  const about = want.tool === undefined ? messages.slice(-1) : messages.filter((one) => one.tool === want.tool);
  const results = about.map(({ text }) => ({ text, problems: problemsOf(want, text) }));
  const last = results.at(-1);
  if (last === undefined) return [`there is no result of the tool "${want.tool ?? ""}"`];
  if (results.some((result) => result.problems.length === 0)) return [];
  const who = want.tool === undefined ? "the last message" : `the result of "${want.tool}"`;
  return last.problems.map((problem) => `${who} ${problem}; it is: ${shown(last.text)}`);
};

/** Everything in which the conversation is not what the step expects; empty when all is well. */
export const checkStep = (step: Step, request: ChatRequest): readonly string[] => {
  const wants = step.expect === undefined ? [] : Array.isArray(step.expect) ? step.expect : [step.expect];
  const counted =
    step.messages === undefined || step.messages === request.messages.length
      ? []
      : [`the conversation has ${request.messages.length} messages, not ${step.messages}`];
  return [...counted, ...wants.flatMap((want) => checkOne(want, request))];
};
