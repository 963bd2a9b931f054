import type { FindingsBoard } from "#pipeline/auditor/findings-board.ts";
import type { StreamView } from "#pipeline/auditor/view.ts";
import type { Stride, Walk } from "#pipeline/auditor/walk.ts";

/** What one round may do: strides, and bytes after which no further one is begun. */
export type RoundBudget = { readonly strides: number; readonly bytes: number };

/** Takes a walk round by round. */
export type Walker = {
  readonly name: string;
  /**
   * Looks again at what was found, then at what is new, then walks on over all of it as far as the budget goes. Answers whether it
   * came to the end; rejects while a store is away, and goes on from there the next time.
   */
  round(view: StreamView, budget: RoundBudget, signal: AbortSignal): Promise<boolean>;
};

/** Units that are looked at again each round, so that what was mended is soon told. */
const LOOKED_AT_AGAIN = 10;

class Spending {
  #strides: number;
  #bytes: number;

  constructor({ strides, bytes }: RoundBudget) {
    this.#strides = strides;
    this.#bytes = bytes;
  }

  spend({ bytes }: Pick<Stride<unknown>, "bytes">): void {
    this.#strides -= 1;
    this.#bytes -= bytes;
  }

  isLeft(): boolean {
    return this.#strides > 0 && this.#bytes > 0;
  }
}

/** Creates the walker of a walk, at its beginning. */
export const createWalker = <P>(walk: Walk<P>, board: FindingsBoard): Walker => {
  let behind = walk.begin;
  let ahead: P | undefined;
  const faulty = new Map<string, P>();

  const stride = async (at: P, view: StreamView, signal: AbortSignal): Promise<Stride<P> | undefined> => {
    signal.throwIfAborted();
    const taken = await walk.stride(at, view, signal);
    if (taken?.unit === undefined) return taken;
    const unit = `${walk.name}: ${taken.unit}`;
    board.replace(unit, taken.findings);
    faulty.delete(unit);
    if (board.has(unit)) faulty.set(unit, at);
    return taken;
  };

  const walkAhead = async (view: StreamView, spending: Spending, signal: AbortSignal): Promise<void> => {
    if (walk.newest === undefined) return;
    ahead ??= await walk.newest(signal);
    while (spending.isLeft()) {
      const taken = await stride(ahead, view, signal);
      if (taken?.next === undefined) return;
      spending.spend(taken);
      ahead = taken.next;
    }
  };

  /** Walks at least one stride, however much is new; answers whether it came to the end. */
  const walkBehind = async (view: StreamView, spending: Spending, signal: AbortSignal): Promise<boolean> => {
    do {
      const taken = await stride(behind, view, signal);
      behind = taken?.next ?? walk.begin;
      if (taken?.next === undefined) return true;
      spending.spend(taken);
    } while (spending.isLeft());
    return false;
  };

  return {
    name: walk.name,
    round: async (view, budget, signal) => {
      const spending = new Spending(budget);
      const again = [...faulty.values()].slice(0, LOOKED_AT_AGAIN);
      const failures: unknown[] = [];
      // A part that cannot be looked at must not hide the others.
      const trying = async <T>(step: () => Promise<T>): Promise<T | undefined> => {
        try {
          return await step();
        } catch (error) {
          signal.throwIfAborted();
          failures.push(error);
          return undefined;
        }
      };
      for (const at of again) await trying(() => stride(at, view, signal));
      await trying(() => walkAhead(view, spending, signal));
      const isThrough = await trying(() => walkBehind(view, spending, signal));
      if (failures.length > 0) throw failures[0];
      return isThrough === true;
    },
  };
};
