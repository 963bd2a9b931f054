import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import { stableId } from "#nervous-system/schemas/ids.ts";
import {
  createRecordRight,
  isNamespaceName,
  type RecordRightOptions,
  type RecordUse,
} from "#pipeline/identity/record-right.ts";
import type { Principal } from "#pipeline/identity/token-reviews.ts";
import type { Caller } from "./caller.ts";

/** Admits a user without a pod into a namespace; rejects with `GrpcFailure` who may not use its record so. */
export type AdmitExternalClient = (
  principal: Principal,
  namespace: string | undefined,
  use: RecordUse,
) => Promise<Caller>;

const namespaceOf = ({ namespace }: Principal, asked: string | undefined): string => {
  const wanted = asked === undefined || asked === "" ? namespace : asked;
  if (isNamespaceName(wanted)) return wanted;
  throw new GrpcFailure(
    grpcStatus.invalidArgument,
    `name the namespace of the record by metadata or header "${namespaceMetadata}"; ${JSON.stringify(wanted.slice(0, 80))} is none`,
  );
};

/** Creates the admission of users by their right to `missions/record`. */
export const createAdmitExternalClient = (options: RecordRightOptions): AdmitExternalClient => {
  const checkRight = createRecordRight(options);
  return async (principal, asked, use) => {
    const namespace = namespaceOf(principal, asked);
    await checkRight(principal, namespace, use);
    return {
      agentUid: stableId("stranger", principal.username),
      namespace,
      producers: ["agent", "scribe"],
      recorder: "scribe",
      principal: principal.username,
    };
  };
};
