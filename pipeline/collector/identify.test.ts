import { describe, expect, it } from "@jest/globals";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import { personaDigestOf } from "#nervous-system/schemas/persona-digest.ts";
import { createIdentify } from "#pipeline/collector/identify.ts";
import { anAgent } from "#test/builders/agent.ts";

describe("a pod that belongs to no Agent", () => {
  it("is looked for past the cache so often and no more, however often it calls, and another one is none the less", async () => {
    const clock = manualClock();
    const looked: string[] = [];
    const identify = createIdentify({
      reviews: {
        authenticate: (token) => {
          const username = `system:serviceaccount:team:${token}`;
          const pod = { name: `${token}-1`, uid: token };
          const principal = { username, namespace: "team", serviceAccount: token, user: { username }, pod };
          return Promise.resolve({ kind: "authentic", principal });
        },
      },
      lookup: {
        agent: () => undefined,
        agentNow: ({ name }) => {
          looked.push(name);
          return Promise.resolve(undefined);
        },
      },
      admitExternalClient: () => Promise.reject(new Error("it has a pod")),
      releaseNamespace: "enchanted-system",
      clock,
    });
    const call = (token: string): Promise<unknown> => identify(token).catch(({ code }: GrpcFailure) => code);
    for (let n = 0; n < 1_000; n += 1) expect(await call("hostile")).toBe(grpcStatus.unavailable);
    expect(looked).toHaveLength(8);
    await call("new");
    await clock.advance(1_000);
    for (let n = 0; n < 10; n += 1) await call("hostile");
    expect(looked).toHaveLength(8 + 1 + 2);
  });
});

describe("a pod of an Agent", () => {
  it("is bound to the persona that the Agent was made with, and to none where it has none", async () => {
    const pod = { name: "fix-bug-coder-1", uid: "2b6f0000-0000-4000-8000-000000000001" };
    const status = { attempt: 1, podUID: pod.uid };
    const username = "system:serviceaccount:team:default";
    const principal = { username, namespace: "team", serviceAccount: "default", user: { username }, pod };
    const boundOf = async (agent: ReturnType<typeof anAgent>): Promise<unknown> => {
      const identify = createIdentify({
        reviews: { authenticate: () => Promise.resolve({ kind: "authentic", principal }) },
        lookup: { agent: () => agent, agentNow: () => Promise.resolve(agent) },
        admitExternalClient: () => Promise.reject(new Error("it has a pod")),
        releaseNamespace: "enchanted-system",
        clock: manualClock(),
      });
      return (await identify("token")).bound;
    };
    const persona = { name: "reviewer", systemPrompt: "You doubt what you read." };
    expect(await boundOf(anAgent({ status, spec: { persona } }))).toMatchObject({
      persona: { name: "reviewer", digest: personaDigestOf(persona.systemPrompt) },
    });
    expect(await boundOf(anAgent({ status }))).not.toHaveProperty("persona");
  });
});
