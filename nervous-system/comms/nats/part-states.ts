import { partStatesStream, partStateSubject, type TellingPart } from "#nervous-system/schemas/subjects.ts";
import type { BusConnection } from "./connection.ts";

/** What a part last said of itself, as JSON, and how long ago by the server's clock. */
export type ToldState = { readonly state: unknown; readonly storedMs: number };

/** What parts say of themselves, for whoever asks later. */
export type PartStates = {
  /** Says it in the place of what was said before; rejects while NATS is away. */
  put(part: TellingPart, state: object): Promise<void>;
  /** What was said last; undefined where nothing was, or what is no JSON. */
  read(part: TellingPart): Promise<ToldState | undefined>;
};

const parsed = (data: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(data).toString("utf8"));
  } catch {
    return undefined;
  }
};

/** Creates what parts say over a connection. */
export const createPartStates = ({
  js,
  manager,
  whileUp,
}: Pick<BusConnection, "js" | "manager" | "whileUp">): PartStates => ({
  put: async (part, state) => {
    await whileUp(() => js.publish(partStateSubject(part), JSON.stringify(state)));
  },
  read: async (part) => {
    const message = await whileUp(() =>
      manager.streams.getMessage(partStatesStream, { last_by_subj: partStateSubject(part) }),
    );
    const state = message === null ? undefined : parsed(message.data);
    return message === null || state === undefined ? undefined : { state, storedMs: Date.parse(message.timestamp) };
  },
});
