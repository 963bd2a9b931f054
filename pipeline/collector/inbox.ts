import { create, toBinary } from "@bufbuild/protobuf";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { inboxMethod, namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/stored-frame.ts";
import { InboxItemSchema, InboxRequestSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { missionTypeFilter } from "#nervous-system/schemas/subjects.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { decodeMessage } from "#pipeline/collector/decode-message.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { createLimitPerAgent } from "./limit-per-agent.ts";

/** What the inbox needs. */
export type InboxOptions = { readonly identify: Identify; readonly bus: Pick<Bus, "follow"> };

/** The names that a message to everybody carries. */
const EVERYBODY = new Set(["*", "all"]);
// Each is a reader in NATS.
const MAX_INBOXES = 4;

type Addressed = { readonly to?: unknown; readonly agent?: unknown };

const payloadOf = (frame: StoredFrame): Addressed => {
  const produced = JSON.parse(Buffer.from(frame.bytes).toString("utf8")) as { payload?: Addressed };
  return produced.payload ?? {};
};

/** Whether a frame of the mission is for an agent: an intervention that names no other one, or a message to it or to all. */
const isAddressedTo = (frame: StoredFrame, agent: string, agentUid: string): boolean => {
  if (frame.envelope.event_type === "INTERVENTION")
    return frame.envelope.about === undefined || frame.envelope.about.agent_uid === agentUid;
  if (frame.envelope.agent_uid === agentUid) return false; // its own words
  const { to } = payloadOf(frame);
  return typeof to === "string" && (to === agent || EVERYBODY.has(to));
};

const encode = ({ streamSeq, envelopeText, bytes }: StoredFrame): Buffer => {
  const item = create(InboxItemSchema, { streamSeq: BigInt(streamSeq), envelope: envelopeText, frame: bytes });
  return Buffer.from(toBinary(InboxItemSchema, item));
};

const filtersOf = ({ namespace, bound }: Caller): string[] => {
  if (bound === undefined)
    throw new GrpcFailure(grpcStatus.permissionDenied, "an inbox is the pod's of an agent; follow the ledger instead");
  return ["MESSAGE", "INTERVENTION"].map((type) => missionTypeFilter(namespace, bound.missionUid, type));
};

/** `ContextService/Inbox`: what others said to an agent, and what people did to its mission, from a place on. */
export const createInbox = ({ identify, bus }: InboxOptions): GrpcHandler => {
  const enter = createLimitPerAgent(MAX_INBOXES, "inboxes");
  return {
    kind: "serverStream",
    method: inboxMethod,
    handle: async function* (request, { token, metadata, signal }) {
      const caller = await identify(token, metadata(namespaceMetadata));
      const { after } = decodeMessage(InboxRequestSchema, request);
      const follow = { fromSeq: Number(after) + 1, filters: filtersOf(caller), signal };
      const leave = enter(caller.agentUid);
      try {
        for await (const item of bus.follow(follow)) {
          if (item.kind === "frame" && isAddressedTo(item.frame, caller.agent ?? "", caller.agentUid))
            yield encode(item.frame);
        }
      } finally {
        leave();
      }
    },
  };
};
