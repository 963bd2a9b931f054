/** What the directory of the local model holds. */
export const modelFiles = {
  weights: "all-minilm-l6-v2-q.onnx",
  tokenizer: "all-minilm-l6-v2-q-tokenizer.json",
} as const;
