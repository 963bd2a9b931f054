import { Buffer } from "node:buffer";

const mark = Buffer.from("[redacted:model-key]");

// What servers without keys are given ("EMPTY", "none", "ollama") may stand in any answer.
const leastKeyCharacters = 16;

/** How many bytes at the end are those that the key begins with. */
const beginningAtEnd = (bytes: Buffer, key: Buffer): number => {
  for (let length = Math.min(key.length - 1, bytes.length); length > 0; length -= 1)
    if (bytes.subarray(bytes.length - length).equals(key.subarray(0, length))) return length;
  return 0;
};

/** Bytes with the mark in place of each key, and what stands behind the last one. */
const cutOut = (bytes: Buffer, key: Buffer): { readonly parts: Buffer[]; readonly rest: Buffer } => {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, from)) {
    parts.push(bytes.subarray(from, at), mark);
    from = at + key.length;
  }
  return { parts, rest: bytes.subarray(from) };
};

/**
 * The bytes of an answer without the key that its request was sent with: some servers say in their error which key they were given,
 * and an agent is not to have it. A piece is held back as far as it may be the beginning of the key. A key that is too short for one
 * stays.
 */
export async function* withoutKey(answer: AsyncIterable<Buffer>, apiKey: string | undefined): AsyncGenerator<Buffer> {
  const key = Buffer.from(apiKey ?? "", "latin1");
  if (key.length < leastKeyCharacters) {
    yield* answer;
    return;
  }
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of answer) {
    const { parts, rest } = cutOut(held.length === 0 ? chunk : Buffer.concat([held, chunk]), key);
    const free = rest.length - beginningAtEnd(rest, key);
    held = rest.subarray(free);
    const last = rest.subarray(0, free);
    const passed = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    if (passed.length > 0) yield passed;
  }
  if (held.length > 0) yield held;
}
