import { plainText } from "#nervous-system/kernel/plain-text.ts";
import { boundText } from "../cortex/tools/bounded-text.ts";
import type { Conclusion } from "../cortex/tools/finish.ts";

const maxTitle = 120;
const maxBody = 20_000;

/** What a program left about its work, each text as it wrote it and empty where it wrote none. */
export type Said = {
  /** A title, and behind it a body. */
  readonly proposal: string;
  readonly lastMessage: string;
};

const titleFrom = (text: string): string => {
  const line = (text.split("\n", 1)[0] ?? "").replace(/^#+\s/, "").trim();
  return line.length <= maxTitle ? line : `${line.slice(0, maxTitle - 1).trimEnd()}…`;
};

/** Title and body of a program's proposal: what it wrote for it; else the goal's, with the last that it said. */
export const concludeFrom = (goal: string, name: string, said: Said): Conclusion => {
  const proposal = plainText(said.proposal).trim();
  const lastMessage = plainText(said.lastMessage).trim();
  const given = proposal.split("\n").slice(1).join("\n").trim();
  const own = given === "" ? lastMessage : given;
  const told = proposal === "" && own !== "" ? `${boundText(goal.trim(), maxBody / 2)}\n\n${own}` : own;
  const body = boundText(told === "" ? goal.trim() : told, maxBody - 200);
  return { title: titleFrom(proposal) || titleFrom(goal.trim()), body: `${body}\n\nMade by ${name.slice(0, 100)}.` };
};
