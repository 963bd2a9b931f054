import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { agentMessageBytes, fitMessage } from "#nervous-system/schemas/termination-message.ts";

describe("a termination message", () => {
  it("is whole JSON within its bytes, whatever is said and in whatever letters", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 3000 }),
        fc.integer({ min: 100, max: 3000 }),
        (message, max) => {
          const rendered = fitMessage({ reason: "ModelFailed", message, headSHA: "1" }, max);
          expect(Buffer.byteLength(rendered)).toBeLessThanOrEqual(max);
          const told = JSON.parse(rendered) as { reason: string; message: string; headSHA: string };
          expect([told.reason, told.headSHA, message.startsWith(told.message)]).toEqual(["ModelFailed", "1", true]);
        },
      ),
    );
    expect(fitMessage({ reason: "Failed", message: "it broke" }, 100)).toBe('{"reason":"Failed","message":"it broke"}');
  });

  it("of an agent is kept whole beside three containers of ours and two of others", () => {
    // kubelet, pkg/kubelet/status `normalizeStatus`: 12 KiB a pod, divided by its containers, each cut behind its share.
    expect(agentMessageBytes).toBeLessThanOrEqual((12 * 1024) / (4 + 2));
  });
});
