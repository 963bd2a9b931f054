import { Buffer } from "node:buffer";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { GrpcClient } from "#nervous-system/comms/grpc/client.ts";
import { GrpcFailure, grpcStatus } from "#nervous-system/comms/grpc/failure.ts";
import { inboxMethod } from "#nervous-system/comms/grpc/methods.ts";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { parseEnvelope } from "#nervous-system/schemas/envelope.ts";
import { InboxItemSchema, InboxRequestSchema, type InboxItem } from "#nervous-system/schemas/gen/context_pb.ts";
import type { ConversationMessage } from "../models/conversation.ts";

/** What people said to the agent's mission, in the order of the record. */
export type Inbox = {
  /** What came since it was asked last, as messages of the conversation. */
  take(): readonly ConversationMessage[];
  close(): Promise<void>;
};

type InboxOptions = {
  readonly client: Pick<GrpcClient, "serverStream">;
  readonly clock: Pick<Clock, "sleep">;
  /** The conversation so far: what it holds is not said again. */
  readonly heard: readonly ConversationMessage[];
};

// The scribe ends a call after an hour; it is opened again from where it was.
const callMs = 3_600_000;
const retryMs = 5_000;

/** The first line of what a person said, by which a later attempt knows that its conversation holds it. */
const headOf = (eventId: string, by: string): string => `[A person, ${by}, says to you (message ${eventId}):]`;

const idPattern = /^\[A person, .*, says to you \(message ([0-9a-f-]{36})\):\]\n/;

const heardIn = (messages: readonly ConversationMessage[]): Set<string> =>
  new Set(
    messages.flatMap(({ role, content }) => {
      const [, id] = role === "user" && typeof content === "string" ? (idPattern.exec(content) ?? []) : [];
      return id === undefined ? [] : [id];
    }),
  );

type Said = { readonly eventId: string; readonly message: ConversationMessage };

const readItem = ({ envelope, frame }: InboxItem): Said | undefined => {
  const parsed = parseEnvelope(envelope);
  if (!parsed.ok || parsed.envelope.event_type !== "INTERVENTION" || parsed.envelope.producer !== "operator")
    return undefined;
  const { kind, by = "", text = "" } = saidIn("INTERVENTION", Buffer.from(frame));
  if (kind !== "Message") return undefined;
  const eventId = parsed.envelope.event_id;
  return { eventId, message: { role: "user", content: `${headOf(eventId, by.replaceAll(/\s+/g, " "))}\n${text}` } };
};

// An older scribe has no inbox.
const isForGood = (error: unknown): boolean => error instanceof GrpcFailure && error.code === grpcStatus.unimplemented;

/** Opens the inbox, which is read until it is closed; one that is away for a while ends nothing. */
export const openInbox = ({ client, clock, heard }: InboxOptions): Inbox => {
  const known = heardIn(heard);
  const closing = new AbortController();
  const { signal } = closing;
  let waiting: ConversationMessage[] = [];
  let last = { after: 0n, stream: "", hash: "" };
  const take = (item: InboxItem): void => {
    last = { after: item.place, stream: item.stream, hash: item.hash };
    const said = readItem(item);
    if (said === undefined || known.has(said.eventId)) return;
    known.add(said.eventId);
    waiting.push(said.message);
  };
  const read = async (): Promise<void> => {
    const request = Buffer.from(toBinary(InboxRequestSchema, create(InboxRequestSchema, last)));
    for await (const bytes of client.serverStream(inboxMethod, request, { deadlineMs: callMs, signal }))
      take(fromBinary(InboxItemSchema, bytes));
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await read();
      } catch (error) {
        if (isForGood(error)) return;
      }
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  };
  const running = run();
  return {
    take: () => {
      const came = waiting;
      waiting = [];
      return came;
    },
    close: async () => {
      closing.abort(new Error("the attempt ends"));
      await running;
    },
  };
};
