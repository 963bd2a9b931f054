import { describe, expect, it } from "@jest/globals";
import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { renderAgent } from "#operator/mission/render-agent.ts";
import type { Runtime } from "#nervous-system/schemas/resources/runtime.ts";
import { aMission } from "#test/builders/mission.ts";
import { aPersona } from "#test/builders/persona.ts";

const image = `enchanted/cortex@sha256:${"a".repeat(64)}`;
const personas = new Map([["reviewer", aPersona({ spec: { description: "Reads closely." } })]]);
const render = (mission: Mission) => renderAgent({ mission, member: "coder", personas, image });

describe("renderAgent", () => {
  it("stamps the rules of redaction into the Agent, so that its pods follow those that were admitted", () => {
    const recording = { redact: [{ name: "ticket", pattern: "ACME-[0-9]+" }] };
    expect(render(aMission({ spec: { recording } })).spec).toMatchObject({ recording });
    expect(render(aMission()).spec).not.toHaveProperty("recording");
  });

  it("keeps what becomes of the mission without a record to the mission", () => {
    const kept = (recording: object) => render(aMission({ spec: { recording } })).spec.recording;
    const redact = [{ name: "ticket", pattern: "ACME-[0-9]+" }];
    expect(kept({ redact, onLoss: "Continue" })).toEqual({ redact });
    expect(kept({ onLoss: "Continue" })).toBeUndefined();
  });

  it("stamps the hosts that may be reached into the Agent, by which the gateway judges", () => {
    const egress = { allowHosts: ["registry.example.org"] };
    expect(render(aMission({ spec: { egress } })).spec).toMatchObject({ egress });
    expect(render(aMission()).spec).not.toHaveProperty("egress");
  });

  it("stamps the member's program and image into the Agent; without them it is the cortex in the chart's image", () => {
    const [coder] = aMission().spec.team;
    const own = `example.org/tools@sha256:${"b".repeat(64)}`;
    const runtime: Runtime = { kind: "Custom", command: ["./agent.sh"] };
    const mission = aMission({ spec: { team: [{ ...coder!, runtime, image: own }] } });
    expect(render(mission).spec).toMatchObject({ runtime, image: own });
    const { spec } = render(aMission());
    expect(spec).toMatchObject({ image });
    expect(spec).not.toHaveProperty("runtime");
  });

  it("stamps the text of the member's Persona into the Agent, so that each attempt is told the same", () => {
    const [coder] = aMission().spec.team;
    const named = (name: string) => aMission({ spec: { team: [{ ...coder!, personaRef: { name } }] } });
    expect(render(named("reviewer")).spec.persona).toEqual({
      name: "reviewer",
      systemPrompt: "You doubt what you read.",
    });
    expect(render(aMission()).spec).not.toHaveProperty("persona");
    expect(() => render(named("nobody"))).toThrow(TypeError);
  });
});
