import type { OptionValues } from "../arguments.ts";
import type { Host } from "../host.ts";
import { printableJson, printableLine } from "../printable.ts";

// Sources are indented by tabs, which do a terminal no harm.
const plain = (line: string): string => line.split("\t").map(printableLine).join("\t");

/**
 * Prints what a command of the cluster answers: the one way there is, so that nothing which an object or a proxy says reaches a
 * terminal as it is (`test/architecture.test.ts`).
 */
export const printAnswer = (
  host: Pick<Host, "stdout">,
  options: OptionValues,
  answer: { readonly lines: readonly string[]; readonly json: unknown },
): void => {
  const text = options["output"] === "json" ? printableJson(answer.json) : answer.lines.map(plain).join("\n");
  host.stdout().write(`${text}\n`);
};
