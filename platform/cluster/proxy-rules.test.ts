import { describe, expect, it } from "@jest/globals";
import { renderRemoval, splitTables } from "./proxy-rules.ts";

const saved = `# Generated
*filter
:INPUT ACCEPT [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -m comment --comment "services" -j KUBE-SERVICES
-A INPUT -s 192.0.2.1/32 -j ACCEPT
-A KUBE-SERVICES -d 10.96.0.1/32 -j REJECT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
`;

describe("renderRemoval", () => {
  const [filter = [], nat = []] = splitTables(saved);

  it("takes out the jumps, then the chains, and leaves every other rule", () => {
    expect(renderRemoval(filter)).toBe(
      [
        "*filter",
        '-D INPUT -m comment --comment "services" -j KUBE-SERVICES',
        "-F KUBE-FIREWALL",
        "-F KUBE-SERVICES",
        "-X KUBE-FIREWALL",
        "-X KUBE-SERVICES",
        "COMMIT",
        "",
      ].join("\n"),
    );
  });

  it("does nothing to a table without rules of Kubernetes", () => {
    expect(renderRemoval(nat)).toBeUndefined();
  });
});
