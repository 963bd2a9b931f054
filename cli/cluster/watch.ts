import { isControlledBy } from "#nervous-system/kubernetes/resource-kind.ts";
import { agents, missions, type Agent, type Mission } from "#nervous-system/kubernetes/swarm-kinds.ts";
import { exitCode, exited, type Ending, type Host } from "../host.ts";
import { fitted } from "../ask/display-width.ts";
import type { CommandRun } from "../arguments.ts";
import { printable } from "../printable.ts";
import { findMission, inCluster, type Cluster } from "./connect.ts";
import { follow, followAll } from "./follow.ts";
import { endLines, standingOf } from "./mission-words.ts";
import { createNews, pictureOf, toldOfAgent, toldOfMission } from "./watch-words.ts";
import { printAnswer } from "./print-answer.ts";

const TICK_MS = 1_000;

/** Where what happens is written: lines that stay, and at a terminal a picture below them that is drawn anew. */
type Screen = { tell(lines: readonly string[]): void; draw(picture: readonly string[]): void };

const createScreen = (host: Host): Screen => {
  const out = host.stdout();
  const isTerminal = out.isTTY === true;
  let drawn: readonly string[] = [];
  const erase = (): string => (drawn.length === 0 ? "" : `\u001B[${drawn.length}A\r\u001B[J`);
  const write = (lines: readonly string[], picture: readonly string[]): void => {
    // A line that is broken at the edge would be two to go back over.
    const next = picture.map((line) => fitted(line, (out.columns || 80) - 1).trimEnd());
    out.write(`${erase()}${[...lines, ...next].map((line) => `${line}\n`).join("")}`);
    drawn = next;
  };
  return {
    tell: (lines) => (lines.length === 0 ? undefined : write(lines, drawn)),
    draw: (picture) => (isTerminal ? write([], picture) : undefined),
  };
};

/** What is known of the mission, and how each change of it gets to the screen. */
const createMovie = (host: Host, found: Mission) => {
  const screen = createScreen(host);
  const news = createNews();
  const own = new Map<string, Agent>();
  let mission = found;
  const draw = (): void => screen.draw(pictureOf(mission, [...own.values()], host.clock.now()));
  const say = (...lines: readonly string[]): void => {
    const time = new Date(host.clock.now()).toISOString().slice(11, 19);
    screen.tell(lines.map((words) => `${time} ${words}`));
    draw();
  };
  const tell = (told: ReturnType<typeof toldOfAgent>): void => say(...news(told));
  return {
    say: (words: string): void => say(printable(words)),
    mission: (next: Mission): void => {
      mission = next;
      tell(toldOfMission(next));
    },
    agent: (agent: Agent, isDeleted: boolean): void => {
      if (!isControlledBy(agent, found)) return;
      if (isDeleted) own.delete(agent.metadata.name);
      else own.set(agent.metadata.name, agent);
      if (!isDeleted) tell(toldOfAgent(agent));
    },
    draw,
    clear: (): void => screen.draw([]),
  };
};

const eachSecond = async (host: Host, signal: AbortSignal, draw: () => void): Promise<void> => {
  while (!signal.aborted) {
    await host.clock.sleep(TICK_MS, signal).catch(() => undefined);
    if (!signal.aborted) draw();
  }
};

const watchMission = async (host: Host, cluster: Cluster, name: string): Promise<Ending> => {
  const found = await findMission(cluster, name);
  const movie = createMovie(host, found);
  const stop = new AbortController();
  const ticking = host.stdout().isTTY === true ? eachSecond(host, stop.signal, movie.draw) : undefined;
  const stopAgents = followAll<Agent>(host, cluster, {
    kind: agents,
    fieldSelector: `spec.missionRef.name=${name}`,
    look: movie.agent,
  });
  try {
    const look = (mission: Mission): boolean => {
      movie.mission(mission);
      return standingOf(mission).end !== undefined;
    };
    const trouble = (why: string): void => movie.say(`the cluster does not tell how it stands, trying again: ${why}`);
    const seen = await follow(host, { client: cluster.client, kind: missions, found, look, trouble }, stop.signal);
    movie.clear();
    if (seen.kind === "deleted") {
      host.warn(`enchanted: mission "${name}" was deleted`);
      return exited(exitCode.fault);
    }
    printAnswer(host, {}, { lines: endLines(seen.object), json: undefined });
    const isWell = standingOf(seen.object).end === "complete";
    return exited(isWell ? exitCode.ok : exitCode.fault);
  } finally {
    stop.abort();
    await Promise.all([stopAgents(), ticking]);
  }
};

/** `enchanted watch`. */
export const watch: CommandRun = (host, { options, operands }) =>
  inCluster(host, options, (cluster) => watchMission(host, cluster, operands[0] ?? ""));
