import { questions } from "#nervous-system/schemas/questions/catalog.ts";
import type { Question } from "#nervous-system/schemas/questions/define-question.ts";
import type { Option } from "../arguments.ts";

type Meaning = { readonly description: string; readonly of: string[] };

/** What a parameter's name means in each question, those that mean the same by it together. */
const meaningsOf = (name: string): Meaning[] => {
  const meanings: Meaning[] = [];
  for (const question of questions) {
    const { description } = question.parameters[name] ?? {};
    if (description === undefined) continue;
    const same = meanings.find((one) => one.description === description);
    if (same === undefined) meanings.push({ description, of: [question.name] });
    else same.of.push(question.name);
  }
  return meanings;
};

const names = [...new Set(questions.flatMap(({ parameters }) => Object.keys(parameters)))];

const values = { text: "text", words: "words", since: "time", until: "time", count: "number" } as const;

const valueOf = (name: string): string => {
  const kind = questions.find(({ parameters }) => Object.hasOwn(parameters, name))?.parameters[name]?.kind;
  return values[kind ?? "text"];
};

/** The parameters of all questions as options. */
export const questionOptions: readonly Option[] = names.map((name) => ({
  name,
  type: "string",
  value: valueOf(name),
  description: meaningsOf(name)
    .map(({ description, of }) => `${description} (${of.join(", ")})`)
    .join("; "),
}));

/** The parameters of a question as they are given; those that it does not need in brackets. */
const usageOf = ({ parameters }: Question): string =>
  Object.entries(parameters)
    .map(([name, { kind, required }]) => {
      const given = `--${name} <${values[kind]}>`;
      return required ? given : `[${given}]`;
    })
    .join(" ");

/** What each question asks and takes, a paragraph each. */
export const questionDescriptions: readonly string[] = questions.map(
  (question) => `${question.name}: ${question.asks} ${usageOf(question)}`,
);
