import { parseExactJson } from "#nervous-system/recorder/exact-json.ts";
import { withoutSecrets, type Replace } from "#nervous-system/recorder/redact-walk.ts";
import { replaceValues } from "#nervous-system/recorder/redact-values.ts";
import { secretValuesOf } from "#nervous-system/recorder/secret-values.ts";

type Members = Record<string, unknown>;

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** As the redactor of a recorder says it of a patch that was cut. */
const withWithheld = (before: Members, after: Members): Members => {
  const inner = isMembers(before["payload"]) && isMembers(after["payload"]);
  if (inner) return { ...after, payload: withWithheld(before["payload"] as Members, after["payload"] as Members) };
  return before["patch"] === after["patch"] ? after : { ...after, withheld: true };
};

const cleanLine = (line: string, replace: Replace): string => {
  const given = parseExactJson(line);
  const { value } = withoutSecrets(given, replace);
  const isPatch = isMembers(given) && isMembers(value) && given["event_type"] === "STATE_CHANGE";
  return JSON.stringify(isPatch ? withWithheld(given, value) : value);
};

/**
 * Takes the secrets that an environment holds out of lines of frames: the scribe, a container of its own, cannot know them.
 * A line without one stays as it is.
 */
export const withoutSecretsOf = (environment: Readonly<Record<string, string | undefined>>): Replace => {
  const replace = replaceValues(secretValuesOf(environment));
  return (line) => {
    const clean = replace(line);
    if (clean === line) return line;
    try {
      return cleanLine(line, replace);
    } catch {
      return clean; // no JSON: it will be refused, and quoted
    }
  };
};
