import { describe, expect, it } from "@jest/globals";
import { renderAgent } from "#operator/mission/render-agent.ts";
import type { Runtime } from "#nervous-system/schemas/resources/runtime.ts";
import { aMission } from "#test/builders/mission.ts";

const image = `enchanted/cortex@sha256:${"a".repeat(64)}`;

describe("renderAgent", () => {
  it("stamps the rules of redaction into the Agent, so that its pods follow those that were admitted", () => {
    const recording = { redact: [{ name: "ticket", pattern: "ACME-[0-9]+" }] };
    expect(renderAgent(aMission({ spec: { recording } }), "coder", image).spec).toMatchObject({ recording });
    expect(renderAgent(aMission(), "coder", image).spec).not.toHaveProperty("recording");
  });

  it("keeps what becomes of the mission without a record to the mission", () => {
    const render = (recording: object) => renderAgent(aMission({ spec: { recording } }), "coder", image).spec.recording;
    const redact = [{ name: "ticket", pattern: "ACME-[0-9]+" }];
    expect(render({ redact, onLoss: "Continue" })).toEqual({ redact });
    expect(render({ onLoss: "Continue" })).toBeUndefined();
  });

  it("stamps the hosts that may be reached into the Agent, by which the gateway judges", () => {
    const egress = { allowHosts: ["registry.example.org"] };
    expect(renderAgent(aMission({ spec: { egress } }), "coder", image).spec).toMatchObject({ egress });
    expect(renderAgent(aMission(), "coder", image).spec).not.toHaveProperty("egress");
  });

  it("stamps the member's program and image into the Agent; without them it is the cortex in the chart's image", () => {
    const [coder] = aMission().spec.team;
    const own = `example.org/tools@sha256:${"b".repeat(64)}`;
    const runtime: Runtime = { kind: "Custom", command: ["./agent.sh"] };
    const mission = aMission({ spec: { team: [{ ...coder!, runtime, image: own }] } });
    expect(renderAgent(mission, "coder", image).spec).toMatchObject({ runtime, image: own });
    const { spec } = renderAgent(aMission(), "coder", image);
    expect(spec).toMatchObject({ image });
    expect(spec).not.toHaveProperty("runtime");
  });
});
