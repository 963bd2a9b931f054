import * as z from "zod";
import type { ColumnKind, Question } from "#nervous-system/schemas/questions/define-question.ts";

const cell: Readonly<Record<ColumnKind, z.ZodType>> = {
  text: z.string(),
  texts: z.array(z.string()),
  time: z
    .string()
    .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/)
    .nullable(),
  count: z.int().min(0),
  number: z.number().nullable(),
  flag: z.union([z.boolean(), z.literal([0, 1])]).transform(Boolean),
};

/** What each row of an answer has to be: exactly the question's columns. */
export const rowSchemaOf = ({ columns }: Question): z.ZodObject =>
  z.strictObject(Object.fromEntries(Object.entries(columns).map(([name, { kind }]) => [name, cell[kind]])));
