type Event = { at: number; order: number; run: (() => void) | undefined };

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A binary heap, earliest first. */
class Heap {
  private readonly events: Event[] = [];

  peek(): Event | undefined {
    return this.events[0];
  }

  push(event: Event): void {
    const { events } = this;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as Event)) break;
      events[at] = events[parent] as Event;
      at = parent;
    }
    events[at] = event;
  }

  pop(): Event | undefined {
    const { events } = this;
    const top = events[0];
    const last = events.pop();
    if (last !== undefined && events.length > 0) this.sink(last);
    return top;
  }

  private sink(event: Event): void {
    const { events } = this;
    let at = 0;
    for (let child = 1; child < events.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < events.length && isBefore(events[right] as Event, events[child] as Event)) child = right;
      if (!isBefore(events[child] as Event, event)) break;
      events[at] = events[child] as Event;
      at = child;
    }
    events[at] = event;
  }
}

/** Virtual time: it moves only when everything that could run at this instant has run. */
export type EventLoop = {
  /** Milliseconds since the simulation began. */
  nowMs(): number;
  /** Calls `run` after `ms` of virtual time; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
  /** Runs events in their order until `isDone` or virtual time `untilMs`; answers whether it was done. Rejects with what an event throws. */
  run(isDone: () => boolean, untilMs: number): Promise<boolean>;
  /** Calls `run` when the simulation is over. */
  onEnd(run: () => void): void;
  /** Nothing runs any more. */
  end(): void;
};

/** How many turns of the machine's loop are asked for at once: it drains all promises between two of them. */
const TURNS = 64;

/** Creates a loop at time 0. */
export const createEventLoop = (): EventLoop => {
  const heap = new Heap();
  let time = 0;
  let order = 0;
  const atEnd: Array<() => void> = [];

  const next = (): Event | undefined => {
    while (heap.peek() !== undefined && heap.peek()?.run === undefined) heap.pop();
    return heap.peek();
  };
  /** One event; answers whether the run is over and how. */
  const step = (isDone: () => boolean, untilMs: number): boolean | undefined => {
    if (isDone()) return true;
    const event = next();
    if (event === undefined || event.at > untilMs) {
      time = Math.max(time, untilMs);
      return false;
    }
    heap.pop();
    time = event.at;
    const { run } = event;
    event.run = undefined;
    run?.();
    return undefined;
  };

  return {
    nowMs: () => time,
    after: (ms, run) => {
      const event: Event = { at: time + Math.max(0, ms), order: order++, run };
      heap.push(event);
      return () => {
        event.run = undefined;
      };
    },
    run: (isDone, untilMs) =>
      new Promise((resolve, reject) => {
        let over = false;
        let left = 0;
        const turn = (): void => {
          left -= 1;
          if (over) return;
          try {
            const outcome = step(isDone, untilMs);
            if (outcome !== undefined) {
              over = true;
              resolve(outcome);
            }
          } catch (error) {
            over = true;
            reject(error);
          }
          if (left === 0 && !over) askForTurns();
        };
        const askForTurns = (): void => {
          left = TURNS;
          for (let n = 0; n < TURNS; n += 1) setImmediate(turn);
        };
        askForTurns();
      }),
    onEnd: (run) => void atEnd.push(run),
    end: () => {
      for (const run of atEnd.splice(0)) run();
    },
  };
};
