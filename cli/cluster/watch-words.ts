import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { activeMs } from "#nervous-system/schemas/active-time.ts";
import { ConditionType, findCondition } from "#nervous-system/schemas/conditions.ts";
import { printable } from "../printable.ts";
import { standingOf, usageLines } from "./mission-words.ts";

/** What can be told of an object by a name, such as where a mission stands, and how it is now. */
type Told = ReadonlyArray<readonly [about: string, words: string]>;

/** What is told of a mission whenever it changes. */
export const toldOfMission = (mission: Mission): Told => {
  const { conditions, pullRequests = [] } = mission.status ?? {};
  const stuck = findCondition(conditions, ConditionType.Stuck);
  const record = findCondition(conditions, ConditionType.Recording);
  return [
    ["phase", standingOf(mission).words],
    ["stuck", stuck === undefined ? "" : printable(`Stuck: ${stuck.message}`)],
    ["record", record?.status === "False" ? printable(`Not recorded: ${record.message}`) : ""],
    ...pullRequests.map(({ url, state }) => [`pr ${url}`, printable(`${state}: ${url}`)] as const),
  ];
};

/** What is told of an agent whenever it changes: where it stands, and what it does. */
export const toldOfAgent = ({ metadata, status = {} }: Agent): Told => {
  const { phase = "Pending", attempt = 0, activity } = status;
  const about = metadata.name;
  return [
    [`${about} phase`, printable(`${about}: ${phase}${attempt > 1 ? `, attempt ${attempt}` : ""}`)],
    [`${about} activity`, activity === undefined ? "" : printable(`${about}: ${activity.summary}`)],
  ];
};

/** Tells what differs from what was told before; what is empty is remembered and not told. */
export const createNews = (): ((told: Told) => string[]) => {
  const last = new Map<string, string>();
  return (told) => {
    const fresh = told.filter(([about, words]) => (last.get(about) ?? "") !== words);
    for (const [about, words] of fresh) last.set(about, words);
    return fresh.map(([, words]) => words).filter((words) => words !== "");
  };
};

const doing = ({ metadata, status = {} }: Agent): string =>
  ["", metadata.name, status.phase ?? "Pending", status.activity?.summary ?? ""].map(printable).join("  ").trimEnd();

/** A mission and its agents at one look, in lines. */
export const pictureOf = (mission: Mission, agents: readonly Agent[], nowMs: number): string[] => {
  const seconds = Math.round(activeMs(mission.status, nowMs) / 1_000);
  const used = usageLines(mission, seconds).map(([name, value]) => `${name} ${value}`);
  return [
    "",
    `${printable(mission.metadata.name)}  ${standingOf(mission).words}`,
    ...agents.map(doing),
    `  ${used.join(" · ")}`,
  ];
};
