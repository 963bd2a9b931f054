import type { Agent, Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { ConditionType, findCondition, isTrue } from "#nervous-system/schemas/conditions.ts";
import type { Condition } from "#nervous-system/schemas/resources/status-parts.ts";
import { ownOf } from "#nervous-system/kernel/own-of.ts";
import { reasonAdvice, type Advice } from "./reason-advice.ts";

/** A pod of the mission as far as it tells why nothing goes on. */
export type PodWords = { readonly name: string; readonly phase: string; readonly waiting: readonly string[] };

/** A warning that somebody wrote about the mission, an agent or a pod. */
export type Warning = { readonly about: string; readonly reason: string; readonly note: string; readonly atMs: number };

/** Everything that is known of a mission; a list that may not be read is undefined. */
export type MissionFacts = {
  readonly mission: Mission;
  readonly agents: readonly Agent[];
  readonly pods: readonly PodWords[] | undefined;
  readonly warnings: readonly Warning[] | undefined;
};

/** One thing that is found: where, what was told of it, what it means and what to type. */
export type Diagnosis = {
  readonly about: string;
  readonly kind: Advice["kind"];
  readonly reason: string;
  readonly told: string;
  readonly means: string;
  readonly next: readonly string[];
};

/** Conditions that are wrong while they are True; those of the other types are so while they are False. */
const wrongWhileTrue: ReadonlySet<string> = new Set([
  ConditionType.Failed,
  ConditionType.Stalled,
  ConditionType.Stuck,
  ConditionType.Suspended,
  ConditionType.Reconciling,
]);

const order: readonly string[] = [ConditionType.Failed, ConditionType.Stalled, ConditionType.Stuck];

const rank = ({ type }: Condition): number => (order.includes(type) ? order.indexOf(type) : order.length);

const neverWrong: ReadonlySet<string> = new Set([ConditionType.Complete]);

/** Of a condition that is wrong for one reason the others with that reason say nothing more. */
const wrongIn = (conditions: readonly Condition[] = []): Condition[] => {
  const wrong = conditions
    .filter(({ type, status }) => !neverWrong.has(type) && status === (wrongWhileTrue.has(type) ? "True" : "False"))
    .toSorted((a, b) => rank(a) - rank(b));
  return wrong.filter((one, n) => wrong.findIndex(({ reason }) => reason === one.reason) === n);
};

type Names = Readonly<Record<"mission" | "namespace" | "agent" | "model" | "pod", string>>;

// A mission that has no agent yet names its only member's, as it will be called.
const ofMission = ({ metadata, spec, status }: Mission): Names => {
  const [first] = spec.team;
  return {
    mission: metadata.name,
    namespace: metadata.namespace ?? "default",
    agent: `${metadata.name}-${first?.name}`,
    model: first?.modelRef.name ?? "",
    pod: status?.verification?.podName ?? "<pod>",
  };
};

const namesOf = ({ mission, agents: [first] }: MissionFacts, agent = first): Names => {
  const names = ofMission(mission);
  if (agent === undefined) return names;
  const { metadata, spec, status } = agent;
  return { ...names, agent: metadata.name, model: spec.modelRef.name, pod: status?.podName ?? names.pod };
};

const isOver = ({ status }: Mission): boolean =>
  isTrue(status?.conditions, ConditionType.Complete) || isTrue(status?.conditions, ConditionType.Failed);

const filled = (line: string, names: Names): string =>
  line.replaceAll(/\{(mission|namespace|agent|model|pod)\}/g, (_, name: keyof Names) => names[name]);

const foreign: Advice = {
  kind: "act",
  means: "This reason is of a newer release than this command line.",
  next: ["kubectl describe mission {mission} --namespace {namespace}"],
};

const diagnosisOf = (
  about: string,
  { reason, message }: Pick<Condition, "reason" | "message">,
  names: Names,
  wasOver: boolean,
): Diagnosis => {
  const advice = ownOf<Advice>(reasonAdvice, reason) ?? foreign;
  const { kind, means } = advice;
  const next = wasOver ? (advice.nextWhenOver ?? advice.next) : advice.next;
  return { about, kind, reason, told: message, means, next: next.map((line) => filled(line, names)) };
};

const ofAgent = (facts: MissionFacts, agent: Agent, told: ReadonlySet<string>): Diagnosis[] =>
  wrongIn(agent.status?.conditions)
    .filter(({ reason }) => !told.has(reason))
    .map((one) => diagnosisOf(`agent ${agent.metadata.name}`, one, namesOf(facts, agent), isOver(facts.mission)));

// Whose condition names an agent says it of that one.
const blamed = ({ agents }: MissionFacts, { message }: Condition): Agent | undefined =>
  agents.find(({ metadata }) => message.includes(`"${metadata.name}"`));

const notSeen = (facts: MissionFacts): Diagnosis[] => {
  const { metadata, status } = facts.mission;
  const seen = status?.observedGeneration ?? -1;
  if (seen >= (metadata.generation ?? 0)) return [];
  const told = seen < 0 ? "Nobody has looked at it yet." : "Nobody has looked at its last edit yet.";
  const next = ["deploy/enchanted-operator", "pods"].map((what) => `kubectl get ${what} --namespace enchanted-system`);
  const means = "The operator looks at a change within seconds; it may be away, or without leader.";
  return [{ about: `mission ${metadata.name}`, kind: "passes", reason: "NotObserved", told, means, next }];
};

const ofPods = ({ mission, pods = [] }: MissionFacts): Diagnosis[] =>
  pods
    .filter(({ waiting }) => waiting.length > 0)
    .map(({ name, phase, waiting }) => ({
      about: `pod ${name}`,
      kind: "passes",
      reason: phase,
      told: waiting.join("; "),
      means: "A container of the pod waits for its node.",
      next: [`kubectl describe pod ${name} --namespace ${mission.metadata.namespace ?? "default"}`],
    }));

/** What keeps a mission from going on, or ended it; nothing where all is as it should be. */
export const explainMission = (facts: MissionFacts): Diagnosis[] => {
  const { mission, agents } = facts;
  const conditions = mission.status?.conditions;
  const wrong = wrongIn(conditions);
  // Of a mission that is over its Ready and Stalled say what its Failed does, and its pods nothing.
  const told = new Set(wrong.map(({ reason }) => reason));
  const wasOver = isOver(mission);
  const waits = wasOver || wrong.length > 0 ? [] : [findCondition(conditions, ConditionType.Ready)];
  const publishing = waits.flatMap((ready) =>
    ready !== undefined && ownOf<Advice>(reasonAdvice, ready.reason)?.kind === "passes" ? [ready] : [],
  );
  return [
    ...notSeen(facts),
    ...[...wrong, ...publishing].map((one) =>
      diagnosisOf(`mission ${mission.metadata.name}`, one, namesOf(facts, blamed(facts, one)), wasOver),
    ),
    ...agents.flatMap((agent) => ofAgent(facts, agent, told)),
    ...(wasOver ? [] : ofPods(facts)),
  ];
};
