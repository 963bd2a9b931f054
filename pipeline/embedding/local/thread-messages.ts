/** What the model's thread is asked. */
export type Question = { readonly id: number; readonly text: string };

/** What it answers: a vector, or why there is none. */
export type Answer =
  | { readonly id: number; readonly vector: Float32Array }
  | { readonly id: number; readonly reason: string };
