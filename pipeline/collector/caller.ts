import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";

/** Whose token a call carries, and which chain that may write. */
export type Caller = {
  /** Owner of the chain. */
  readonly agentUid: string;
  /** Namespace of the caller's pod; its blobs are kept there. */
  readonly namespace: string;
  /** Who may be named as producer. */
  readonly producers: readonly Producer[];
  /** What its frames must name as recorder. */
  readonly recorder: string;
  /** What an agent's frames must say of their mission; a component writes about many. */
  readonly bound?: {
    readonly epoch: number;
    readonly missionUid: string;
    readonly mission: string;
  };
};
