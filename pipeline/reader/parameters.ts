import * as z from "zod";
import {
  MAX_TEXT,
  MAX_WORDS,
  type Parameter,
  type Question,
} from "#nervous-system/schemas/questions/define-question.ts";
import { LAST_NS, momentForms, parseMoment } from "#pipeline/reader/parse-moment.ts";

/** What a parameter is bound as: text, words, a moment in Unix nanoseconds, or a whole number. */
export type ParameterValue = string | readonly string[] | bigint | number;

/** The parameters of a question with everything that was not given, or what is wrong with them, in words. */
export type ParametersResult =
  | { readonly kind: "valid"; readonly values: Readonly<Record<string, ParameterValue>> }
  | { readonly kind: "invalid"; readonly message: string };

type Reading = { readonly schema: z.ZodType<ParameterValue>; readonly expected: string };

const text = z.string().max(MAX_TEXT);

const words = text
  .transform((given) => given.split(/[\s,]+/u).filter((word) => word !== ""))
  .pipe(z.array(z.string()).max(MAX_WORDS));

const moment = (nowMs: number) =>
  text.transform((given, context): bigint => {
    const ns = parseMoment(given.trim(), nowMs);
    if (ns === undefined) context.addIssue({ code: "custom", message: "no time" });
    return ns ?? 0n;
  });

const count = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,16}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0));

const readingOf = ({ kind }: Parameter, nowMs: number): Reading & { readonly absent: ParameterValue } => {
  switch (kind) {
    case "text":
      return { schema: text, expected: `text of at most ${MAX_TEXT} characters`, absent: "" };
    case "words":
      return { schema: words, expected: `at most ${MAX_WORDS} words, ${MAX_TEXT} characters`, absent: [] };
    case "since":
      return { schema: moment(nowMs), expected: momentForms, absent: 0n };
    case "until":
      return { schema: moment(nowMs), expected: momentForms, absent: LAST_NS };
    case "count":
      return { schema: count, expected: "a whole number from 0", absent: 0 };
  }
};

const objectOf = (json: string): Record<string, unknown> | undefined => {
  try {
    const parsed: unknown = JSON.parse(json === "" ? "{}" : json);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

const isGiven = (value: unknown): boolean => value !== undefined && value !== "" && value !== null;

const shown = (name: string): string => JSON.stringify(name.slice(0, 80));

/** A part of time that ends before it begins holds nothing, whatever is recorded. */
const endsFirst = ({ from, to }: Readonly<Record<string, ParameterValue>>): boolean =>
  typeof from === "bigint" && typeof to === "bigint" && from >= to;

/** Reads the parameters of a question, a JSON object; what is empty counts as not given. */
export const parseParameters = (question: Question, json: string, nowMs: number): ParametersResult => {
  const given = objectOf(json);
  if (given === undefined) return { kind: "invalid", message: "the parameters must be a JSON object" };
  const known = Object.entries(question.parameters);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(question.parameters, name));
  const problems = unknown.map(
    (name) => `"${question.name}" has no parameter ${shown(name)}; it has ${known.map(([one]) => one).join(", ")}`,
  );
  const values = known.map(([name, parameter]): [string, ParameterValue] => {
    const { schema, expected, absent } = readingOf(parameter, nowMs);
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (!isGiven(value)) {
      if (parameter.required) problems.push(`parameter "${name}" is missing: ${parameter.description}`);
      return [name, absent];
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) problems.push(`parameter "${name}": give ${expected}`);
    return [name, parsed.data ?? absent];
  });
  const all = Object.fromEntries(values);
  if (problems.length === 0 && endsFirst(all)) problems.push('parameter "to": give a time that is after "from"');
  if (problems.length > 0) return { kind: "invalid", message: problems.join("; ") };
  return { kind: "valid", values: all };
};
