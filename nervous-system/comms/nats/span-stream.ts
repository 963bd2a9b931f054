import type { Consumer, JsMsg } from "@nats-io/jetstream";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { spansStream, subjectToken } from "#nervous-system/schemas/subjects.ts";
import { untilAborted } from "#nervous-system/kernel/until-aborted.ts";
import type { BusConnection } from "./connection.ts";
import { publishableSubject } from "./subject-guard.ts";

/** A reader that brings stored exports of spans to a backend. */
type SpanForwarding = {
  /** Name of its place in the stream. */
  readonly name: string;
  /** Sends one `ExportTraceServiceRequest`; rejects when the backend did not take it. */
  send(request: Buffer): Promise<void>;
  /** Told of each export that is given up after its last attempt. */
  onLost(): void;
  readonly signal: AbortSignal;
};

/** Spans on their way to trace backends: best effort, in a stream of bounded size. */
export type SpanStream = {
  /** Resolves once the export, at most `maxSpanBytes`, is stored; rejects while NATS is away. */
  put(namespace: string, request: Uint8Array): Promise<void>;
  /** Forwards until the signal aborts; never rejects. Several collectors share the work. */
  forward(forwarding: SpanForwarding): Promise<void>;
};

/** Bytes of one stored export; NATS takes messages of 1 MiB with their headers. */
export const maxSpanBytes = 1_000_000;

const MAX_DELIVER = 8;
const ACK_WAIT_NS = 60_000_000_000;
const RETRY_MS = 5_000;
const REOPEN_MS = 1_000;
const PULL_EXPIRES_MS = 10_000;

const openConsumer = async ({ js, manager }: BusConnection, name: string): Promise<Consumer> => {
  await manager.consumers.add(spansStream, {
    durable_name: name,
    ack_policy: "explicit",
    deliver_policy: "all",
    max_deliver: MAX_DELIVER,
    ack_wait: ACK_WAIT_NS,
  });
  return js.consumers.get(spansStream, name);
};

const forwardOne = async (message: JsMsg, { send, onLost }: SpanForwarding): Promise<void> => {
  try {
    await send(Buffer.from(message.data));
    message.ack();
  } catch {
    if (message.info.deliveryCount < MAX_DELIVER) return message.nak(RETRY_MS);
    onLost();
    message.term("the trace backend did not take it");
  }
};

/** One at a time, none ahead: what waits for a slow backend must not use up its deliveries unsent. */
const forwardWhileUp = async (connection: BusConnection, forwarding: SpanForwarding): Promise<void> => {
  const consumer = await connection.whileUp(() => openConsumer(connection, forwarding.name));
  while (!forwarding.signal.aborted) {
    const pulled = connection.whileUp(() => consumer.next({ expires: PULL_EXPIRES_MS }));
    const message = await untilAborted(pulled, forwarding.signal);
    if (message !== null) await forwardOne(message, forwarding);
  }
};

/** Creates the way to stream SPANS and out of it. */
export const createSpanStream = (connection: BusConnection, clock: Pick<Clock, "sleep">): SpanStream => ({
  put: async (namespace, request) => {
    const subject = publishableSubject(`spans.${subjectToken(namespace)}`);
    await connection.whileUp(() => connection.js.publish(subject, request));
  },
  forward: async (forwarding) => {
    while (!forwarding.signal.aborted) {
      await forwardWhileUp(connection, forwarding).catch(() => undefined);
      await clock.sleep(REOPEN_MS, forwarding.signal).catch(() => undefined);
    }
  },
});
