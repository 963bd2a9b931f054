import { conversations } from "./conversations.ts";
import { decisions } from "./decisions.ts";
import type { LedgerQuery } from "./define-query.ts";
import { errors } from "./errors.ts";
import { event } from "./event.ts";
import { exportFrames } from "./export-frames.ts";
import { files } from "./files.ts";
import { lessons } from "./lessons.ts";
import { mission } from "./mission.ts";
import { modelUsage } from "./model-usage.ts";
import { outcomes } from "./outcomes.ts";
import { resume } from "./resume.ts";

/** Every question that the ledger answers. */
export const ledgerQueries: readonly LedgerQuery[] = [
  conversations,
  decisions,
  files,
  resume,
  errors,
  mission,
  modelUsage,
  outcomes,
  lessons,
  exportFrames,
  event,
];
