import { create, toBinary } from "@bufbuild/protobuf";
import type { Bus } from "#nervous-system/comms/nats/bus.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { inboxMethod, namespaceMetadata } from "#nervous-system/comms/grpc/methods.ts";
import type { GrpcHandler } from "#nervous-system/comms/grpc/server.ts";
import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import type { StreamMark } from "#nervous-system/comms/nats/stream-position.ts";
import { InboxItemSchema, InboxRequestSchema, type InboxRequest } from "#nervous-system/schemas/gen/context_pb.ts";
import { missionSignalFilter } from "#nervous-system/schemas/subjects.ts";
import type { Caller } from "#pipeline/collector/caller.ts";
import { decodeMessage } from "#pipeline/decode-message.ts";
import type { Identify } from "#pipeline/collector/identify.ts";
import { storeFailure } from "#pipeline/collector/context-service.ts";
import { createLimitPerAgent } from "./limit-per-agent.ts";

/** What the inbox needs. */
export type InboxOptions = { readonly identify: Identify; readonly bus: Pick<Bus, "follow" | "holds"> };

/** The names that a message to everybody carries. */
const EVERYBODY = new Set(["*", "all"]);
// Each is a reader in NATS.
const MAX_INBOXES = 4;

/** Whether a frame of the mission is for an agent: an intervention that names no other one, or a message to it or to all. */
const isAddressedTo = (frame: StoredFrame, agent: string, agentUid: string): boolean => {
  const { event_type: type } = frame.envelope;
  if (type === "INTERVENTION") return frame.envelope.about === undefined || frame.envelope.about.agent_uid === agentUid;
  if (type !== "MESSAGE" || frame.envelope.agent_uid === agentUid) return false; // no message, or its own words
  const { to } = saidIn("MESSAGE", frame.bytes);
  return to !== undefined && (to === agent || EVERYBODY.has(to));
};

const encode = ({ place, envelopeText, bytes }: StoredFrame, { stream, hash }: StreamMark): Buffer => {
  const item = create(InboxItemSchema, { place: BigInt(place), envelope: envelopeText, frame: bytes, stream, hash });
  return Buffer.from(toBinary(InboxItemSchema, item));
};

const filterOf = ({ namespace, bound }: Caller): string => {
  if (bound === undefined)
    throw new GrpcFailure(grpcStatus.permissionDenied, "an inbox is the pod's of an agent; follow the ledger instead");
  return missionSignalFilter(namespace, bound.missionUid);
};

type Begin = { readonly from: number; readonly after?: StreamMark };

/** Where to go on: behind the place asked for, or from the beginning where the stream lost what stood there. */
const beginOf = async (bus: Pick<Bus, "holds">, { after, stream, hash }: InboxRequest): Promise<Begin> => {
  const mark = { stream, place: Number(after), hash };
  if (mark.place === 0) return { from: 0 };
  if (hash === "") return { from: mark.place + 1 };
  return (await bus.holds(mark)) ? { from: mark.place + 1, after: mark } : { from: 0 };
};

/** `ContextService/Inbox`: what others said to an agent, and what people did to its mission, from a place on. */
export const createInbox = ({ identify, bus }: InboxOptions): GrpcHandler => {
  const enter = createLimitPerAgent(MAX_INBOXES, "inboxes");
  return {
    kind: "serverStream",
    method: inboxMethod,
    handle: async function* (request, { token, metadata, signal }) {
      const caller = await identify(token, metadata(namespaceMetadata));
      const filters = [filterOf(caller)];
      const asked = decodeMessage(InboxRequestSchema, request);
      const leave = enter(caller.agentUid);
      try {
        const begin = await beginOf(bus, asked);
        for await (const { item, mark } of bus.follow({ ...begin, filters, signal })) {
          if (item.kind === "frame" && isAddressedTo(item.frame, caller.agent ?? "", caller.agentUid))
            yield encode(item.frame, mark);
        }
      } catch (error) {
        // The stream is away, or is another one: the caller comes again with what it read last.
        throw storeFailure(error);
      } finally {
        leave();
      }
    },
  };
};
