import { exitCode, exited, type Ending, type Host } from "../host.ts";
import { printable } from "../printable.ts";
import type { OptionValues } from "../arguments.ts";
import { inCluster } from "./connect.ts";
import { explainMission, type Diagnosis, type MissionFacts } from "./explain.ts";
import { observeFacts } from "./mission-facts.ts";
import { standingOf } from "./mission-words.ts";
import { printAnswer } from "./print-answer.ts";

const HOUR_MS = 3_600_000;
const mostWarnings = 5;

const marks: Readonly<Record<Diagnosis["kind"], string>> = { well: "ok  ", passes: "wait", act: "fail" };

const linesOf = ({ about, kind, reason, told, means, next }: Diagnosis): string[] => [
  `${marks[kind]} ${printable(`${about}: ${reason}: ${told}`)}`,
  `     ${means}`,
  ...next.map((line, n) => `     ${n === 0 ? "next:" : "     "} ${printable(line)}`),
];

const unread = ({ pods, warnings }: MissionFacts): string[] => {
  const what = [...(pods === undefined ? ["pods"] : []), ...(warnings === undefined ? ["Events"] : [])];
  return what.length === 0 ? [] : [`(you may not list ${what.join(" and ")}, so nothing is told of them)`];
};

const warningLines = ({ warnings = [] }: MissionFacts, nowMs: number): string[] => {
  const late = warnings.filter(({ atMs }) => nowMs - atMs < HOUR_MS).slice(0, mostWarnings);
  const lines = late.map(({ about, reason, note }) => `     ${printable(`${about}: ${reason}: ${note}`)}`);
  return lines.length === 0 ? [] : ["Warnings of the last hour, the newest first:", ...lines];
};

const linesAbout = (facts: MissionFacts, found: readonly Diagnosis[], nowMs: number): readonly string[] => {
  const { mission } = facts;
  const standing = `${printable(mission.metadata.name)} is ${standingOf(mission).words}`;
  const none = found.length === 0 ? ["ok   nothing keeps it from going on"] : [];
  return [standing, ...none, ...found.flatMap(linesOf), ...warningLines(facts, nowMs), ...unread(facts)];
};

const factsAbout = ({ mission, warnings }: MissionFacts, found: readonly Diagnosis[]) => {
  const { name, namespace } = mission.metadata;
  return { name, namespace, phase: mission.status?.phase, found, warnings };
};

/** `enchanted doctor <mission>`. */
export const doctorMission = (host: Host, name: string, options: OptionValues): Promise<Ending> =>
  inCluster(host, options, async (cluster) => {
    const facts = await observeFacts(cluster, name);
    const found = explainMission(facts);
    const lines = linesAbout(facts, found, host.clock.now());
    printAnswer(host, options, { lines, json: factsAbout(facts, found) });
    return exited(found.some(({ kind }) => kind === "act") ? exitCode.fault : exitCode.ok);
  });
