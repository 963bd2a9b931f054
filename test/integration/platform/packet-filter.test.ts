import { beforeAll, describe, expect, it } from "@jest/globals";
import { run } from "#platform/process/run.ts";

type Looks = Record<"open" | "closed" | "confined" | "removed", Record<"ipv4" | "ipv6", Record<string, string>>>;

let looks: Looks;

beforeAll(async () => {
  const apart = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
  looks = JSON.parse(await run([...apart, process.execPath, "test/integration/platform/filter-process.ts"])) as Looks;
}, 60_000);

const all = (answer: string) => ({
  port: answer,
  otherPort: answer,
  itsNode: answer,
  back: answer,
  otherNode: answer,
});

describe.each(["ipv4", "ipv6"] as const)("the packet filter, in %s", (family) => {
  it("lets nothing of a pod through before it knows the pod", () => {
    expect(looks.open[family]).toEqual(all("yes"));
    expect(looks.closed[family]).toEqual(all("no"));
  });

  it("lets an agent to the collector under the chart's own policy, and nowhere else, and nobody to the agent", () => {
    expect(looks.confined[family]).toEqual({ ...all("no"), port: "yes", otherNode: "yes" });
  });

  it("leaves nothing behind", () => {
    expect(looks.removed[family]).toEqual(all("yes"));
  });
});
