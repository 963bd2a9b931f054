import {
  ConditionType,
  findCondition,
  isFinished,
  Reason,
  type DecidedCondition,
} from "#nervous-system/schemas/conditions.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import type { AgentSnapshot } from "#operator/agent/plan.ts";

const shortOf = (systemPrompt: string): string => personaDigestOf(systemPrompt).slice(0, "sha256:".length + 12);

/**
 * Whether the Persona still says what the agent was made with, for people: whatever it says now, this agent keeps its own to the
 * end, so that its attempts are those of one persona. Of an agent that is over nothing is told any more.
 */
export const personaCondition = ({ agent, persona }: Pick<AgentSnapshot, "agent" | "persona">): DecidedCondition[] => {
  const { persona: pinned } = agent.spec;
  if (pinned === undefined) return [];
  const type = ConditionType.PersonaCurrent;
  const told = findCondition(agent.status?.conditions, type);
  if (told !== undefined && isFinished(agent.status?.conditions)) {
    const { status, reason, message } = told;
    return [{ type, status, reason, message }];
  }
  const works = `this agent goes on with what it was made with (${shortOf(pinned.systemPrompt)})`;
  if (persona === undefined) {
    const message = `Persona "${pinned.name}" does not exist any more; ${works}. Apply it again before another mission names it.`;
    return [{ type, status: "False", reason: Reason.PersonaNotFound, message }];
  }
  if (persona.spec.systemPrompt !== pinned.systemPrompt) {
    const message = `Persona "${pinned.name}" says something else now (${shortOf(persona.spec.systemPrompt)}); ${works}. Create another mission to have the new text used.`;
    return [{ type, status: "False", reason: Reason.PersonaChanged, message }];
  }
  return [{ type, status: "True", reason: Reason.Resolved, message: `It works as Persona "${pinned.name}" says.` }];
};
