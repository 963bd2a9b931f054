import { describe, expect, it } from "@jest/globals";
import type { ChainOwner } from "#nervous-system/comms/nats/chain-tail.ts";
import { grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { createChainOwners } from "#pipeline/collector/chain-owners.ts";

const uid = "01890a5d-ac96-774b-bcce-b302099a8057";
const strangerCalled = (principal: string): Caller => ({
  agentUid: stableId("stranger", principal),
  namespace: "team-a",
  producers: ["agent", "scribe"],
  recorder: "scribe",
  principal,
});

const ownersWhen = (owner: ChainOwner | Error, agents: readonly string[] = []) => {
  let asked = 0;
  const chainOwner = (): Promise<ChainOwner> => {
    asked += 1;
    return owner instanceof Error ? Promise.reject(owner) : Promise.resolve(owner);
  };
  const owners = createChainOwners({ bus: { chainOwner }, isAgent: (found) => agents.includes(found) });
  return { owners, asked: () => asked };
};

describe("a stranger", () => {
  it("may begin a chain that nobody wrote, and go on with its own", async () => {
    await ownersWhen({ kind: "nobody" }).owners.check(strangerCalled("ann"), uid);
    const { owners, asked } = ownersWhen({ kind: "stranger", principal: "ann" });
    await owners.check(strangerCalled("ann"), uid);
    await owners.check(strangerCalled("ann"), uid);
    expect(asked()).toBe(1); // a chain never changes its owner
  });

  const refused: ReadonlyArray<[string, string, ReturnType<typeof ownersWhen>, number]> = [
    ["another user's chain", uid, ownersWhen({ kind: "stranger", principal: "bob" }), grpcStatus.permissionDenied],
    ["a chain of the swarm", uid, ownersWhen({ kind: "swarm" }), grpcStatus.permissionDenied],
    ["an Agent's UID before its first frame", uid, ownersWhen({ kind: "nobody" }, [uid]), grpcStatus.permissionDenied],
    [
      "a component's UID before its first frame",
      stableId("gateway", "enchanted-gateway-0", "enchanted-system"),
      ownersWhen({ kind: "nobody" }),
      grpcStatus.permissionDenied,
    ],
    ["what is no UID", "*", ownersWhen({ kind: "nobody" }), grpcStatus.invalidArgument],
    ["anything while the stream is away", uid, ownersWhen(new Error("away")), grpcStatus.unavailable],
  ];
  it.each(refused)("may not write %s", async (_, agentUid, { owners }, code) => {
    await expect(owners.check(strangerCalled("ann"), agentUid)).rejects.toMatchObject({ code });
  });
});

describe("a pod", () => {
  it("has the chain of its token only", async () => {
    const pod: Caller = { agentUid: uid, namespace: "team-a", producers: ["agent"], recorder: "scribe" };
    const { owners, asked } = ownersWhen({ kind: "swarm" });
    await owners.check(pod, uid);
    const other = owners.check(pod, "01890a5d-ac96-774b-bcce-b302099a8058");
    await expect(other).rejects.toMatchObject({ code: grpcStatus.permissionDenied });
    expect(asked()).toBe(0);
  });
});
