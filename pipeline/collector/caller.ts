import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";

/** Whose token a call carries, and which chain that may write. */
export type Caller = {
  /** Owner of the chain. An external client's own chains have UIDs of their own; this one keys its frames that have no chain. */
  readonly agentUid: string;
  /** Namespace of the caller's pod, or the one that an external client names; its blobs are kept there. */
  readonly namespace: string;
  /** Name of the Agent, where the caller is one's pod. */
  readonly agent?: string;
  /** Who may be named as producer. */
  readonly producers: readonly Producer[];
  /** What its frames must name as recorder. */
  readonly recorder: string;
  /** What an agent's frames must say of their mission and of the persona that it works as; a component writes about many. */
  readonly bound?: {
    readonly epoch: number;
    readonly missionUid: string;
    readonly mission: string;
    readonly persona?: { readonly name: string; readonly digest: string };
  };
  /** User name of an external client: neither the pod of an agent nor a component. */
  readonly principal?: string;
};

/** Whether a caller is a component of the release, which writes for all. */
export const isComponent = ({ bound, principal }: Caller): boolean => bound === undefined && principal === undefined;
