import { createHash } from "node:crypto";
import canonicalize from "canonicalize";

/** What a model was asked with, by hash, and how many messages before those are not named. */
export type ContextWindow = { readonly hashes: readonly string[]; readonly omitted: number };

const wellFormed = (value: unknown): unknown => {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toWellFormed(), wellFormed(member)]));
};

/** RFC 8785 has no text for half a surrogate pair, which a text that was cut in an emoji ends with; U+FFFD stands for it. */
const canonical = (message: unknown): string | undefined => {
  try {
    return canonicalize(message);
  } catch {
    return canonicalize(wellFormed(message));
  }
};

const hashOf = (message: unknown): string =>
  createHash("sha256")
    .update(canonical(message) ?? "null")
    .digest("hex");

const asList = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [{ role: "user", content: value }];
};

// A frame holds 256 KiB and a hash takes 67 bytes of it; a request's blob has the whole window.
const maxHashes = 2_000;

/**
 * The messages of a request of any of the protocols, in order and as it has them. Anthropic's `system`, the `instructions` of the
 * Responses protocol and Gemini's `systemInstruction` stand first, as a message of role `system`.
 */
export const messagesOf = (body: Readonly<Record<string, unknown>>): readonly unknown[] => {
  const system = body["system"] ?? body["instructions"] ?? body["systemInstruction"] ?? body["system_instruction"];
  const messages = asList(body["messages"] ?? body["input"] ?? body["contents"] ?? body["prompt"]);
  return system === undefined || system === null ? messages : [{ role: "system", content: system }, ...messages];
};

/**
 * The hash of each message of a request, in order: sha256 of its RFC 8785 JSON. Of more than 2,000 messages the last are taken.
 * Throws for a number beyond all bounds, which RFC 8785 cannot write.
 */
export const computeContextWindow = (body: Readonly<Record<string, unknown>>): ContextWindow => {
  const all = messagesOf(body);
  const omitted = Math.max(0, all.length - maxHashes);
  return { hashes: all.slice(omitted).map(hashOf), omitted };
};
