import { describe, expect, it } from "@jest/globals";
import { ConditionType } from "#nervous-system/schemas/conditions.ts";
import { personaCondition } from "#operator/agent/persona.ts";
import { anAgent } from "#test/builders/agent.ts";
import { condition } from "#test/builders/mission-snapshot.ts";
import { aPersona } from "#test/builders/persona.ts";

const pinned = { name: "reviewer", systemPrompt: "You doubt what you read." };
const agent = anAgent({ spec: { persona: pinned } });
const changed = aPersona({ spec: { systemPrompt: "You trust what you read." } });

describe("an Agent that works as a Persona", () => {
  it("says nothing of personas where it has none", () => {
    expect(personaCondition({ agent: anAgent(), persona: undefined })).toEqual([]);
  });

  it("works as the Persona says while that says the same", () => {
    expect(
      personaCondition({ agent, persona: aPersona({ spec: { description: "Other words for people." } }) }),
    ).toEqual([
      {
        type: ConditionType.PersonaCurrent,
        status: "True",
        reason: "Resolved",
        message: 'It works as Persona "reviewer" says.',
      },
    ]);
  });

  it.each([
    [
      "PersonaChanged",
      changed,
      /^Persona "reviewer" says something else now \(sha256:[0-9a-f]{12}\); this agent goes on/,
    ],
    [
      "PersonaNotFound",
      undefined,
      /does not exist any more; this agent goes on with what it was made with .* Apply it/,
    ],
  ] as const)("keeps what it was made with, and says so: %s", (reason, persona, message) => {
    expect(personaCondition({ agent, persona })).toEqual([
      { type: ConditionType.PersonaCurrent, status: "False", reason, message: expect.stringMatching(message) },
    ]);
  });

  it("says what it said once it is over, whatever becomes of the Persona", () => {
    const told = condition(ConditionType.PersonaCurrent, "Resolved");
    const over = anAgent({
      spec: { persona: pinned },
      status: { conditions: [condition(ConditionType.Complete, "Succeeded"), told] },
    });
    expect(personaCondition({ agent: over, persona: changed })).toMatchObject([
      { status: "True", reason: "Resolved", message: told.message },
    ]);
  });
});
