import { saidIn } from "#nervous-system/fold/read-frame.ts";
import { presentOf } from "#nervous-system/codecs/exchange/fields.ts";
import type { RecordedFrame } from "#nervous-system/schemas/envelope.ts";
import { renderTimestamp } from "#nervous-system/schemas/timestamp.ts";
import type { Blobs } from "../blobs.ts";
import type { FrameWriter } from "../frame-writers.ts";
import type { Output } from "../output.ts";
import { exactPayload } from "./exact-payload.ts";
import { readShown, type Shown } from "./exchange.ts";
import { endUnknown, type Ended } from "./outcomes.ts";
import { Steps, type Step } from "./steps.ts";

const actOf = ({ envelope, bytes }: RecordedFrame): Record<string, unknown> => ({
  event_type: envelope.event_type,
  event_id: envelope.event_id,
  payload: exactPayload(bytes),
});

const callOf = ({ envelope, bytes }: RecordedFrame): Record<string, unknown> => {
  if (envelope.event_type !== "MODEL_CALL") return {};
  const { provider, model, tools_offered, status, error } = saidIn("MODEL_CALL", bytes);
  return presentOf({ provider, model, tools_offered, status, error });
};

/** A step as a line of training data: what was shown, what was done, and how it ended. */
const renderStep = (step: Step, shown: Shown, ended: Ended): string => {
  const { began, agent, agentUid, epoch, taken, takenOmitted } = step;
  const { mission, mission_uid, observed, event_id } = began.envelope;
  return JSON.stringify({
    mission,
    mission_uid,
    agent,
    agent_uid: agentUid,
    epoch,
    at: renderTimestamp(BigInt(observed)),
    event_id,
    ...callOf(began),
    ...shown,
    action: taken.map(actOf),
    ...(takenOmitted === 0 ? {} : { action_omitted: takenOmitted }),
    ...ended,
  });
};

/** Writes a line for each step, with the outcome of its mission. */
export const createChatWriter = (
  output: Pick<Output, "write">,
  outcomes: ReadonlyMap<string, Ended>,
  blobs: Pick<Blobs, "read"> | undefined,
): FrameWriter => {
  const steps = new Steps();
  const writeAll = async (over: readonly Step[]): Promise<void> => {
    for (const step of over) {
      const shown = await readShown(step, blobs);
      const ended = outcomes.get(step.began.envelope.mission_uid) ?? endUnknown;
      await output.write(`${renderStep(step, shown, ended)}\n`);
    }
  };
  return { frame: (frame) => writeAll(steps.take(frame)), end: () => writeAll(steps.end()) };
};
