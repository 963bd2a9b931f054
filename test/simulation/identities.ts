import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import type { RecorderIdentity } from "#nervous-system/recorder/compose.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import type { Identify } from "#pipeline/collector/identify.ts";

/** Who records in a simulation: an agent's scribe, whose epoch is the attempt, or a component, which counts its starts. */
export type Role = "agent" | "component";

/** One recorder with its name, which is its token too. */
export type Member = { readonly name: string; readonly role: Role; readonly agentUid: string };

const missionUid = "22222222-2222-4222-8222-222222222222";

/** Member number `n` from 1 on. */
export const memberOf = (n: number, role: Role): Member => ({
  name: `${role}-${n}`,
  role,
  agentUid: `11111111-1111-4111-8111-${String(n).padStart(12, "0")}`,
});

/** What its recorder stamps. */
export const identityOf = ({ name, role, agentUid }: Member): RecorderIdentity => ({
  agent_uid: agentUid,
  mission_uid: missionUid,
  mission: "fix-bug",
  namespace: "default",
  lineage: 0,
  recorder: role === "agent" ? "scribe" : "gateway",
  agentId: name,
});

const callerOf = ({ name, role, agentUid }: Member): Caller => {
  if (role === "component") return { agentUid, namespace: "default", producers: ["gateway"], recorder: "gateway" };
  return {
    agentUid,
    agent: name,
    namespace: "default",
    producers: ["agent", "scribe"],
    recorder: "scribe",
    bound: { epoch: 1, missionUid, mission: "fix-bug" },
  };
};

/** Knows the members by their tokens. */
export const createMembership = (members: readonly Member[]): Identify => {
  const callers = new Map(members.map((member) => [member.name, callerOf(member)]));
  return async (token = "") => {
    const caller = callers.get(token);
    if (caller === undefined) throw new GrpcFailure(grpcStatus.unauthenticated, "not a member");
    return caller;
  };
};
