import type { Growth } from "./growth.ts";

/** What one measurement found: numbers by name. */
export type Reading = Readonly<Record<string, number>>;

/** One side of a comparison; every measurement begins from nothing and cleans up behind itself. */
export type Contestant = {
  readonly name: string;
  measure(): Promise<Reading>;
};

/** Where a number comes from: a contestant and the name of what it read. */
type Source = readonly [contestant: string, metric: string];

/** What a figure must reach and what it aims at: a ratio to the peer, or a value of ours alone. */
export type Goal =
  | { readonly kind: "ratioAtLeast"; readonly must: number; readonly aim: number }
  | { readonly kind: "ratioAtMost"; readonly must: number; readonly aim: number }
  | { readonly kind: "valueAtMost"; readonly must: number; readonly aim: number }
  | { readonly kind: "valueAtLeast"; readonly must: number; readonly aim: number };

/** One line of the table; a figure without a goal is told for information. */
export type Figure = {
  /** Names the figure in the baseline and in the notes. */
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  readonly ours: Source;
  readonly peer: Source;
  readonly goal?: Goal;
};

/** A bench that is set up: who runs, what is compared. */
export type Staged = {
  readonly contestants: readonly Contestant[];
  readonly figures: readonly Figure[];
  /** What the reader must know of the conditions, one sentence each. */
  readonly conditions: readonly string[];
  /** Where contestants are sizes of the same work. */
  readonly growth?: Growth;
  dispose?(): Promise<void>;
};

/** What a bench may use. */
export type Surroundings = {
  /** A directory on the disk that is measured; gone after the bench. */
  readonly directory: string;
  /** A tenth of the work, to see whether everything runs; its figures mean nothing. */
  readonly quick: boolean;
  /** NATS and the store of blobs in plain text, to see what their TLS costs. */
  readonly plainStores: boolean;
  note(text: string): void;
};

/** One bench. */
export type Bench = {
  readonly id: string;
  readonly title: string;
  stage(surroundings: Surroundings): Promise<Staged>;
};
