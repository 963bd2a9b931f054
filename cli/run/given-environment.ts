import type { Host } from "../host.ts";

const ASIDE = /^ENCHANTED_ASIDE_/;

/** Reads what the launcher's shell lost: `<name>|<name>… <base64 of entries, a NUL after each>`; the names are those it sets itself. */
const lostEntries = (text: string): ReadonlyArray<readonly [name: string, value: string | undefined]> => {
  const [own = "", encoded = ""] = text.split(" ");
  const entries = Buffer.from(encoded, "base64").toString().split("\0");
  return [
    ...own.split("|").map((name) => [name, undefined] as const),
    ...entries.flatMap((entry) => {
      const end = entry.indexOf("=", 1);
      return end < 0 ? [] : [[entry.slice(0, end), entry.slice(end + 1)] as const];
    }),
  ];
};

/**
 * The environment that the launcher was started with: what rules Node, which it set aside for our own, and what its shell lost
 * are in their places. Without the launcher it is ours.
 */
export const givenEnvironment = ({ ENCHANTED_ENVIRONMENT: lost, ...env }: Host["env"]): Host["env"] => {
  const kept = Object.entries(env).map(([name, value]) => [name.replace(ASIDE, ""), value] as const);
  return Object.fromEntries([...kept, ...(lost === undefined ? [] : lostEntries(lost))]);
};
