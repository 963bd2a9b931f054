import { isJsonObject } from "#nervous-system/kernel/json-object.ts";
import type { Fields } from "#nervous-system/codecs/exchange/fields.ts";
import { refused, type Granted } from "#pipeline/gateway/refusal.ts";

/** What the gateway writes into a request or goes by, and what it writes into its `stream_options`. */
const ours = new Set(["model", "stream", "stream_options"]);
const ourOptions = new Set(["include_usage"]);

/** A name as readers take it that do not tell case; no longer than any of ours. */
const foldName = (name: string): string => (name.length > 32 ? name : name.normalize("NFKC").toLowerCase());

/** A name that is one of these to a reader that does not tell case, as Go's, and not to one that does. */
const lookalikeIn = (fields: Fields, names: ReadonlySet<string>): string | undefined =>
  Object.keys(fields).find((name) => !names.has(name) && names.has(foldName(name)));

const faultOf = (body: Fields): string | undefined => {
  const { stream, stream_options: options } = body;
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") return "stream must be true or false";
  if (options !== undefined && options !== null && !isJsonObject(options)) return "stream_options must be an object";
  const name = lookalikeIn(body, ours) ?? lookalikeIn(isJsonObject(options) ? options : {}, ourOptions);
  return name === undefined ? undefined : `${JSON.stringify(name)} must be written in lower case`;
};

/**
 * Refuses a request of which a lenient server would read something else than the gateway does: one that takes `"stream": 1` for
 * true streams, and was asked for no token counts.
 */
export const refuseAmbiguousBody = (body: Fields): Granted<never> | undefined => {
  const fault = faultOf(body);
  return fault === undefined ? undefined : refused(400, "invalid_body", `the body of a model call: ${fault}`);
};
