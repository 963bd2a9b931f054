import { createHash } from "node:crypto";
import canonicalize from "canonicalize";

const hashOf = (message: unknown): string =>
  createHash("sha256")
    .update(canonicalize(message) ?? "null")
    .digest("hex");

const asList = (value: unknown): readonly unknown[] => {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [{ role: "user", content: value }];
};

/**
 * The hash of each message of a request, in order: sha256 of its RFC 8785 JSON. Anthropic's `system` and the `instructions` of
 * the Responses protocol stand first, as a message of role `system`.
 */
export const computeContextWindow = (body: Readonly<Record<string, unknown>>): readonly string[] => {
  const system = body["system"] ?? body["instructions"];
  const messages = asList(body["messages"] ?? body["input"] ?? body["prompt"]);
  const first = system === undefined || system === null ? [] : [{ role: "system", content: system }];
  return [...first, ...messages].map(hashOf);
};
