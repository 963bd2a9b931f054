import type { z } from "zod";
import type { Producer } from "#nervous-system/schemas/frames/define-frame.ts";
import { action } from "#nervous-system/schemas/frames/action.ts";
import { claim } from "#nervous-system/schemas/frames/claim.ts";
import { decisionRationale } from "#nervous-system/schemas/frames/decision-rationale.ts";
import { erasure } from "#nervous-system/schemas/frames/erasure.ts";
import { error } from "#nervous-system/schemas/frames/error.ts";
import { gap } from "#nervous-system/schemas/frames/gap.ts";
import { heartbeat } from "#nervous-system/schemas/frames/heartbeat.ts";
import { intervention } from "#nervous-system/schemas/frames/intervention.ts";
import { lesson } from "#nervous-system/schemas/frames/lesson.ts";
import { lifecycle } from "#nervous-system/schemas/frames/lifecycle.ts";
import { message } from "#nervous-system/schemas/frames/message.ts";
import { modelCall } from "#nervous-system/schemas/frames/model-call.ts";
import { plan } from "#nervous-system/schemas/frames/plan.ts";
import { proposal } from "#nervous-system/schemas/frames/proposal.ts";
import { publication } from "#nervous-system/schemas/frames/publication.ts";
import { request } from "#nervous-system/schemas/frames/request.ts";
import { rollout } from "#nervous-system/schemas/frames/rollout.ts";
import { snapshot } from "#nervous-system/schemas/frames/snapshot.ts";
import { stateChange } from "#nervous-system/schemas/frames/state-change.ts";
import { task } from "#nervous-system/schemas/frames/task.ts";
import { thought } from "#nervous-system/schemas/frames/thought.ts";
import { verdict } from "#nervous-system/schemas/frames/verdict.ts";

/** Every frame type there is. A new one is a file beside this and a line here. */
export const catalog = {
  THOUGHT: thought,
  DECISION_RATIONALE: decisionRationale,
  STATE_CHANGE: stateChange,
  MESSAGE: message,
  ACTION: action,
  MODEL_CALL: modelCall,
  PLAN: plan,
  TASK: task,
  CLAIM: claim,
  LIFECYCLE: lifecycle,
  HEARTBEAT: heartbeat,
  SNAPSHOT: snapshot,
  REQUEST: request,
  INTERVENTION: intervention,
  PROPOSAL: proposal,
  PUBLICATION: publication,
  VERDICT: verdict,
  ROLLOUT: rollout,
  LESSON: lesson,
  ERROR: error,
  GAP: gap,
  ERASURE: erasure,
} as const;

/** Name of a frame type of the catalog. */
export type FrameType = keyof typeof catalog;

/** The payload of frame type `T`. */
export type PayloadOf<T extends FrameType> = z.infer<(typeof catalog)[T]["payload"]>;

/** The names, in the catalog's order. */
export const frameTypes = Object.keys(catalog) as readonly FrameType[];

/** Whether `type` is in the catalog; types of a newer writer are not, and are kept all the same. */
export const isFrameType = (type: string): type is FrameType => Object.hasOwn(catalog, type);

/** Whether `producer` may write frames of `type`; a type nobody here knows may be written by agents only. */
export const mayWrite = (producer: Producer, type: string): boolean =>
  isFrameType(type) ? catalog[type].producers.includes(producer) : producer === "agent";
