import { describe, expect, it } from "@jest/globals";
import { agentMessageBytes } from "#nervous-system/schemas/termination-message.ts";
import { renderTermination } from "./termination.ts";

describe("what an agent says at its end", () => {
  it.each([
    ["letters of three bytes", "語"],
    ["signs that JSON escapes", "\u0001"],
  ])("is whole within its share of what the kubelet keeps, in %s", (_, sign) => {
    const rendered = renderTermination({ kind: "succeeded", message: sign.repeat(3000), headSha: "1".repeat(40) });
    expect(Buffer.byteLength(rendered)).toBeLessThanOrEqual(agentMessageBytes);
    expect(JSON.parse(rendered)).toMatchObject({ outcome: "Succeeded", headSHA: "1".repeat(40) });
  });
});
