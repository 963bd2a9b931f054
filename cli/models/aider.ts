import { withPlainLines } from "./dotenv.ts";

/** Words of aider's settings and arguments that are an address, or may hide one. */
const mayAddress = /api[-_](b|type)|base[-_]url|^--(env|conf)|^env-file$/i;

/** The variable that aider sets for a word. Options may be cut short; a file may hold any variable, and AIDER_ENV_FILE names one, too. */
const variableOf = (word: string): string => {
  const name = word.replace(/^-+/, "").replaceAll("-", "_").toUpperCase();
  return /^(ENV|CONF)/.test(name) ? "AIDER_ENV_FILE" : name.replace(/_API_B(AS?)?$/, "_API_BASE");
};

const variablesIn = (text: string): string[] =>
  (text.match(/[\w-]+/g) ?? []).filter((word) => mayAddress.test(word)).map(variableOf);

/**
 * The variables by which a settings file of aider may send calls elsewhere, be it by `openai-api-base`, `set-env` or `env-file`.
 * aider puts them into its own environment, where litellm prefers OPENAI_BASE_URL.
 */
export const variablesOfAider = (settings: string): string[] =>
  variablesIn(withPlainLines(settings).replaceAll(/^[^\S\r\n]*#.*$/gm, ""));

/** The same for a program with its arguments; empty where neither it nor what it runs (`uvx`, `python -m`) is aider. */
export const variablesOfAiderArguments = (program: readonly string[]): string[] => {
  const aider = program.findIndex((one) => /\baider\b/.test(one));
  if (aider < 0) return [];
  return program.flatMap((one, at) => (at > aider && one.startsWith("-c") ? ["AIDER_ENV_FILE"] : variablesIn(one)));
};
