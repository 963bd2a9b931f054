import type { Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import { printable } from "../printable.ts";

/** How a mission stands: over, and how; or why it is not. */
export type Standing = { readonly end: "complete" | "failed" | undefined; readonly words: string };

/** Where a mission stands, in one line. */
export const standingOf = ({ status }: Mission): Standing => {
  const told = findCondition(status?.conditions, ConditionType.Ready);
  const why = told?.message ?? "nobody has looked at it yet; does the operator run?";
  const words = printable(`${status?.phase ?? "Pending"}: ${why}`);
  if (isTrue(status?.conditions, ConditionType.Complete)) return { end: "complete", words };
  return { end: isTrue(status?.conditions, ConditionType.Failed) ? "failed" : undefined, words };
};

const grouped = (count: number): string => count.toLocaleString("en-US");

/** For how long agents were at work, such as `1h 02m 03s`. */
const lasting = (seconds: number): string => {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (part: number): string => String(part).padStart(2, "0");
  if (h > 0) return `${h}h ${two(m)}m ${two(s)}s`;
  return m > 0 ? `${m}m ${two(s)}s` : `${s}s`;
};

/** What a mission used, in lines of name and value. */
export const usageLines = ({ status }: Mission, activeSeconds: number): ReadonlyArray<readonly [string, string]> => {
  const { modelCalls = 0, inputTokens = 0, outputTokens = 0, costUSD, frames = 0 } = status?.usage ?? {};
  return [
    ["at work", lasting(activeSeconds)],
    ["model calls", grouped(modelCalls)],
    ["tokens", `${grouped(inputTokens)} sent, ${grouped(outputTokens)} answered`],
    ...(costUSD === undefined ? [] : [["cost", `$${costUSD}`] as const]),
    ["frames", grouped(frames)],
  ];
};

/** How a mission ended, in lines. */
export const endLines = (mission: Mission): readonly string[] => {
  const { outcome, pullRequests = [] } = mission.status ?? {};
  const { words } = standingOf(mission);
  return [
    `${mission.metadata.name} is ${words}`,
    ...(outcome?.evidence === undefined
      ? []
      : outcome.evidence
          .trimEnd()
          .split("\n")
          .map((line) => `  ${printable(line)}`)),
    ...pullRequests.map(({ url, state }) => printable(`${state}: ${url}`)),
  ];
};
