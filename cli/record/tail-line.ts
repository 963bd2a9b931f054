import { printable } from "../printable.ts";
import { summaryOf } from "./describe-frame.ts";
import { foldedSummary, type Told } from "./fold-telemetry.ts";

const colours: Readonly<Record<string, string>> = {
  DECISION_RATIONALE: "35",
  STATE_CHANGE: "32",
  MODEL_CALL: "36",
  ERROR: "31",
  GAP: "31",
  LIFECYCLE: "2",
  HEARTBEAT: "2",
};

/** How lines are laid out: colours, and the width they are cut at. */
export type LineStyle = { colour: boolean; width: number | undefined };

/** One frame, or one row of plain telemetry, as one line for people. */
export const renderTailLine = (told: Told, { colour, width }: LineStyle): string => {
  const { frame } = told.kind === "frame" ? told.item : told.first;
  const [name, said] =
    told.kind === "frame" ? [frame.event_type, summaryOf(frame)] : ["(telemetry)", foldedSummary(told.counts)];
  const time = (frame.timestamp ?? "").slice(11, 23).padEnd(12);
  const head = `${time} ${printable(frame.agent_id ?? "-")
    .slice(0, 20)
    .padEnd(12)}`;
  const type = printable(name).padEnd(18);
  const room = width === undefined ? undefined : Math.max(20, width - head.length - type.length - 3);
  const summary = printable(said).slice(0, room);
  const code = colour ? colours[name] : undefined;
  return `${head} ${code === undefined ? type : `\u001B[${code}m${type}\u001B[0m`} ${summary}`;
};
