import * as z from "zod";

/** When a log lets go of a frame: once the stream has it on disk, or once every store holds it too. */
export type WalCut = "stored" | "settled";

/** The variable `ENCHANTED_WAL_CUT` of everything that keeps a log. */
export const walCutSetting = z
  .enum(["stored", "settled"])
  .default("stored")
  .describe("when the log lets go of a frame: once the stream has it on disk, or once every store holds it");
