import type { MissionFold } from "#nervous-system/fold/state.ts";

/** Whether what happens is being recorded, as the observer of the stream sees it. */
export type RecordHealth = {
  healthy: boolean;
  /** True until everything that was in the stream at the start has been read. */
  starting?: boolean;
  /** Why it is not healthy, for people. */
  message: string;
  /** Stream sequence read so far. */
  position: number;
};

/** What the frames told so far. */
export type FrameView = {
  health(): RecordHealth;
  mission(uid: string): MissionFold | undefined;
};
