import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { renderFetchMessage } from "./run-fetch.ts";

// kubelet, pkg/kubelet/status `normalizeStatus`: 12 KiB a pod, divided by its containers, each cut behind its share.
const shareOf = (containers: number): number => Math.floor((12 * 1024) / containers);

describe("what a fetch says at its end", () => {
  it("is kept whole beside the sixteen criteria of a verifier and three containers of others", () => {
    const withReason = (message: string) => ({ kind: "failed", reason: "RepositoryUnreachable", message }) as const;
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (message) => {
        const rendered = renderFetchMessage(withReason(message));
        expect(Buffer.byteLength(rendered)).toBeLessThanOrEqual(shareOf(1 + 16 + 3));
        const told = JSON.parse(rendered) as { reason: string; message: string };
        expect([told.reason, message.startsWith(told.message)]).toEqual(["RepositoryUnreachable", true]);
      }),
    );
    expect(JSON.parse(renderFetchMessage(withReason("it broke")))).toMatchObject({ message: "it broke" });
  });
});
