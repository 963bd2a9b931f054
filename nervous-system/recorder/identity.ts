import type { Envelope } from "#nervous-system/schemas/envelope.ts";

/** Whose chain a recorder writes: the stamps that are the same on every frame. */
export type RecorderIdentity = Pick<
  Envelope,
  "agent_uid" | "mission_uid" | "mission" | "namespace" | "lineage" | "recorder" | "persona"
> & {
  /** Name that frames without an `agent_id` get. */
  agentId: string;
};

/** What one frame says differently from the recorder's identity: a component writes about many missions. */
export type FrameSubject = Partial<
  Pick<Envelope, "mission_uid" | "mission" | "namespace" | "lineage" | "persona" | "about">
>;

export type { TraceIds } from "#nervous-system/schemas/ids.ts";
