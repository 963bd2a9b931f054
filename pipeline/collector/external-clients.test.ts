import { describe, expect, it } from "@jest/globals";
import { grpcStatus, type GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { manualClock } from "#nervous-system/kernel/clock.ts";
import type { KubeClient } from "#nervous-system/kubernetes/kube-client.ts";
import { createAdmitExternalClient } from "./external-clients.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";

const ann: Principal = {
  username: "ann@example.org",
  namespace: "",
  serviceAccount: "",
  user: { username: "ann@example.org", groups: ["dev"] },
};
const robot: Principal = {
  username: "system:serviceaccount:team-a:robot",
  namespace: "team-a",
  serviceAccount: "robot",
  user: { username: "system:serviceaccount:team-a:robot" },
};

type Asked = { spec: { user: string; groups?: string[]; resourceAttributes: Record<string, string> } };

/** An API server's answers to SubjectAccessReviews; what it decides is Kubernetes' own matter and tested against a real one. */
const reviewer = (answer: (asked: Asked) => boolean) => {
  const asked: Asked[] = [];
  const request: KubeClient["request"] = (call) => {
    const question = JSON.parse(call.body?.text ?? "{}") as Asked;
    asked.push(question);
    try {
      return Promise.resolve({ status: { allowed: answer(question) } });
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return { client: { request }, asked };
};

describe("a user without a pod", () => {
  it("is admitted into the namespace that it names and may record in", async () => {
    const { client, asked } = reviewer(() => true);
    const admit = createAdmitExternalClient({ client, clock: manualClock() });
    expect(await admit(ann, "team-b", "create")).toMatchObject({
      namespace: "team-b",
      principal: "ann@example.org",
      recorder: "scribe",
    });
    expect(asked[0]?.spec).toMatchObject({
      user: "ann@example.org",
      groups: ["dev"],
      resourceAttributes: {
        verb: "create",
        group: "swarm.enchanted.dev",
        resource: "missions",
        subresource: "record",
        namespace: "team-b",
      },
    });
  });

  it("records in its own namespace when it names none, and must name one when it has none", async () => {
    const admit = createAdmitExternalClient({ client: reviewer(() => true).client, clock: manualClock() });
    expect(await admit(robot, undefined, "create")).toMatchObject({ namespace: "team-a" });
    await expect(admit(ann, undefined, "create")).rejects.toMatchObject({ code: grpcStatus.invalidArgument });
    await expect(admit(ann, "../x", "create")).rejects.toMatchObject({ code: grpcStatus.invalidArgument });
  });

  it("is denied without the right, and told which one it lacks", async () => {
    const admit = createAdmitExternalClient({ client: reviewer(() => false).client, clock: manualClock() });
    await expect(admit(ann, "team-b", "create")).rejects.toMatchObject({
      code: grpcStatus.permissionDenied,
      message: expect.stringContaining("missions/record"),
    });
  });

  it("may record and not read, or read and not record: each is a right of its own", async () => {
    const { client, asked } = reviewer(({ spec }) => spec.resourceAttributes["verb"] === "create");
    const admit = createAdmitExternalClient({ client, clock: manualClock() });
    await expect(admit(ann, "team-b", "create")).resolves.toMatchObject({ namespace: "team-b" });
    await expect(admit(ann, "team-b", "get")).rejects.toMatchObject({
      code: grpcStatus.permissionDenied,
      message: expect.stringContaining('"get" on "missions/record"'),
    });
    await expect(admit(ann, "team-b", "create")).resolves.toMatchObject({ namespace: "team-b" });
    expect(asked.map(({ spec }) => spec.resourceAttributes["verb"])).toEqual(["create", "get"]);
  });

  it("is asked about so often and no more, however many namespaces it names, and others are none the less", async () => {
    const clock = manualClock();
    const { client, asked } = reviewer(() => false);
    const admit = createAdmitExternalClient({ client, clock });
    const codes = new Set<number>();
    for (let n = 0; n < 1_000; n += 1)
      await admit(ann, `team-${n}`, "create").catch(({ code }: GrpcFailure) => codes.add(code));
    expect([...codes]).toEqual([grpcStatus.permissionDenied, grpcStatus.unavailable]);
    expect(asked).toHaveLength(50);
    await admit(robot, undefined, "create").catch(() => undefined);
    await clock.advance(1_000);
    for (let n = 0; n < 10; n += 1) await admit(ann, `other-${n}`, "create").catch(() => undefined);
    expect(asked).toHaveLength(50 + 1 + 2);
  });

  it("records for as many namespaces as it was admitted to, minute by minute", async () => {
    const clock = manualClock();
    const { client } = reviewer(() => true);
    const admit = createAdmitExternalClient({ client, clock });
    const names = Array.from({ length: 500 }, (_, n) => `team-${n}`);
    const admitAll = async (): Promise<number> => {
      let refused = 0;
      for (const name of names) await admit(ann, name, "create").catch(() => (refused += 1));
      return refused;
    };
    for (let waits = 0; (await admitAll()) > 0; waits += 1) {
      if (waits > 60) throw new Error("not all of them in ten minutes");
      await clock.advance(10_000);
    }
    // Each is asked about again when its minute is over, while the others go on.
    for (let second = 0; second < 180; second += 1) {
      await clock.advance(1_000);
      expect(await admitAll()).toBe(0);
    }
  });

  it("is asked about again after a minute, and waits while the API server is away", async () => {
    const clock = manualClock();
    let answer = (): boolean => true;
    const { client, asked } = reviewer(() => answer());
    const admit = createAdmitExternalClient({ client, clock });
    await admit(ann, "team-b", "create");
    await admit(ann, "team-b", "create");
    expect(asked).toHaveLength(1);
    await clock.advance(60_000);
    answer = () => false;
    await expect(admit(ann, "team-b", "create")).rejects.toMatchObject({ code: grpcStatus.permissionDenied });
    await clock.advance(60_000);
    answer = () => {
      throw new Error("connection refused");
    };
    await expect(admit(ann, "team-b", "create")).rejects.toMatchObject({ code: grpcStatus.unavailable });
  });
});
