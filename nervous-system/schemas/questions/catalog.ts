import { conversations } from "./conversations.ts";
import { decisions } from "./decisions.ts";
import type { Question } from "./define-question.ts";
import { dependents } from "./dependents.ts";
import { errors } from "./errors.ts";
import { event } from "./event.ts";
import { files } from "./files.ts";
import { frames } from "./frames.ts";
import { lessons } from "./lessons.ts";
import { mission } from "./mission.ts";
import { modelUsage } from "./model-usage.ts";
import { outcomes } from "./outcomes.ts";
import { provenance } from "./provenance.ts";
import { recall } from "./recall.ts";
import { resume } from "./resume.ts";
import { reverted } from "./reverted.ts";

/** Every question, in the order of help texts. A new one is a file beside this and a line here, and an answer in `pipeline/reader`. */
export const questions: readonly Question[] = [
  conversations,
  decisions,
  files,
  resume,
  errors,
  mission,
  modelUsage,
  outcomes,
  lessons,
  frames,
  event,
  recall,
  dependents,
  reverted,
  provenance,
];
