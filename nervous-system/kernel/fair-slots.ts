/** Whose turn is asked for, and how. */
export type Turn = {
  readonly namespace: string;
  readonly agentUid: string;
  /** Whether it was never let in before, as it is unless said; it goes before what comes again of the same namespace. */
  readonly isFirst?: boolean;
  /** To be at work with nothing beside it, after all else that waits, but not after all that comes. */
  readonly isAlone?: boolean;
};

/** Lets some calls run at a time. */
export type FairSlots = {
  run<R>(turn: Turn, work: () => Promise<R>): Promise<R>;
};

type Waiting = { readonly turn: Turn; readonly since: number; readonly enter: () => void };

/** Turns of others that one waits for that has to be alone; then nothing new is let in before it. */
const mostBefore = 20;

const mostRemembered = 10_000;

/** When each of many was served last; who was not served lately counts as never. */
const createServed = () => {
  const served = new Map<string, number>();
  let turns = 0;
  return {
    at: (key: string): number => served.get(key) ?? 0,
    serve: (key: string): void => {
      turns += 1;
      served.delete(key);
      served.set(key, turns);
      const [oldest] = served.keys();
      if (served.size > mostRemembered && oldest !== undefined) served.delete(oldest);
    },
  };
};

const isBefore = (a: readonly number[], b: readonly number[]): boolean => {
  const differs = a.findIndex((rank, i) => rank !== b[i]);
  return differs >= 0 && (a[differs] ?? 0) < (b[differs] ?? 0);
};

/**
 * Creates slots of which no namespace has all and no agent more than one: whoever was served longest ago is next, namespaces
 * before agents before the order of asking. So what one tenant sends, however much, costs another one turn.
 */
export const createFairSlots = (count: number): FairSlots => {
  const mostOfNamespace = Math.max(1, count - 1);
  const waiting: Waiting[] = [];
  const working = new Set<Turn>();
  const namespaces = createServed();
  const agents = createServed();
  let turns = 0;

  const mayEnter = ({ namespace, agentUid, isAlone = false }: Turn): boolean => {
    const all = [...working];
    if (all.length >= count || all.some((other) => other.isAlone === true)) return false;
    if (isAlone) return all.length === 0;
    const own = all.filter((other) => other.namespace === namespace);
    return own.length < mostOfNamespace && own.every((other) => other.agentUid !== agentUid);
  };
  const rankOf = ({ namespace, agentUid, isFirst = true, isAlone = false }: Turn): readonly number[] => [
    Number(isAlone),
    namespaces.at(namespace),
    Number(!isFirst),
    agents.at(agentUid),
  ];
  const next = (): Waiting | undefined => {
    const late = waiting.find(({ turn, since }) => turn.isAlone === true && turns - since >= mostBefore);
    if (late !== undefined) return mayEnter(late.turn) ? late : undefined;
    let best: { one: Waiting; rank: readonly number[] } | undefined;
    for (const one of waiting) {
      if (!mayEnter(one.turn)) continue;
      const rank = rankOf(one.turn);
      if (best === undefined || isBefore(rank, best.rank)) best = { one, rank };
    }
    return best?.one;
  };
  const letIn = (): void => {
    for (let one = next(); one !== undefined; one = next()) {
      waiting.splice(waiting.indexOf(one), 1);
      working.add(one.turn);
      turns += 1;
      namespaces.serve(one.turn.namespace);
      agents.serve(one.turn.agentUid);
      one.enter();
    }
  };
  return {
    run: async (turn, work) => {
      const own = { ...turn };
      await new Promise<void>((enter) => {
        waiting.push({ turn: own, since: turns, enter });
        letIn();
      });
      try {
        return await work();
      } finally {
        working.delete(own);
        letIn();
      }
    },
  };
};
