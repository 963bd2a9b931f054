import { boundText } from "../cortex/tools/bounded-text.ts";
import type { Conclusion } from "../cortex/tools/finish.ts";

const maxTitle = 120;
const maxBody = 20_000;

/** Title and body of a proposal whose author says nothing of it: the goal's. */
export const concludeFrom = (goal: string, name: string): Conclusion => {
  const line = goal.trim().split(/\r?\n/, 1)[0] ?? "";
  const title = line.length <= maxTitle ? line : `${line.slice(0, maxTitle - 1).trimEnd()}…`;
  return { title, body: `${boundText(goal.trim(), maxBody - 200)}\n\nMade by ${name.slice(0, 100)}.` };
};
