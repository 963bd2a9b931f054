import { parse } from "yaml";
import * as z from "zod";

/** What a step demands of one message before it answers. */
const expectation = z.strictObject({
  tool: z
    .string()
    .optional()
    .describe("The result of the call of this tool in the last answer; default: the last message."),
  contains: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe("Texts that must be there."),
  lacks: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe("Texts that must not be there."),
  matches: z.string().optional().describe("A regular expression (flag m) that must match."),
  exitCode: z.number().int().optional().describe("The exit code that run_command reports."),
});

/** One demand on the conversation; see the fields. */
export type Expectation = z.infer<typeof expectation>;

const toolCall = z.strictObject({
  name: z.string().min(1),
  arguments: z.union([z.record(z.string(), z.unknown()), z.string()]).default({}),
});

const answer = z.strictObject({
  text: z.string().optional(),
  reasoning: z.string().optional(),
  tools: z
    .array(toolCall)
    .default([])
    .describe("Calls to make; arguments given as a string are sent as they are, broken JSON too."),
});

/** What the model says in one step. */
export type Answer = z.infer<typeof answer>;

const fault = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("rate-limited"), retryAfterSeconds: z.number().min(0).optional() }),
  z.strictObject({ kind: z.literal("status"), status: z.number().int().min(400).max(599) }),
  z.strictObject({ kind: z.literal("slow"), delayMs: z.number().int().min(1) }),
  z.strictObject({ kind: z.literal("disconnect") }),
  z.strictObject({ kind: z.literal("garbage") }),
  z.strictObject({ kind: z.literal("flood"), chunkBytes: z.number().int().min(1).default(65_536) }),
]);

/** How a step misbehaves. `slow` waits and then answers; `garbage` is a 200 that is no JSON; `flood` never stops sending. */
export type Fault = z.infer<typeof fault>;

const step = z.strictObject({
  name: z.string().optional(),
  expect: z.union([expectation, z.array(expectation)]).optional(),
  messages: z.number().int().optional().describe("How many messages the conversation must have."),
  fault: fault.optional(),
  times: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("How often the fault strikes before the answer comes; default: always."),
  answer: answer.optional(),
});

/** One turn of a scenario. */
export type Step = z.infer<typeof step>;

const scenario = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
    description: z.string().min(1),
    steps: z.array(step).min(1),
    asides: z
      .array(z.strictObject({ contains: z.string().min(1), answer }))
      .default([])
      .describe("Answers to requests beside the conversation, such as for its title, by a text that they contain."),
    repeatFrom: z
      .number()
      .int()
      .min(0)
      .optional()
      .describe(
        "After the last step the scenario goes on from this one; `${turn}` in texts and arguments is the turn's number.",
      ),
  })
  .refine((s) => s.repeatFrom === undefined || s.repeatFrom < s.steps.length, "repeatFrom names no step")
  .refine(
    (s) => s.steps.every((one) => one.answer !== undefined || (one.fault !== undefined && one.times === undefined)),
    "a step without an answer needs a fault that always strikes",
  );

/** A conversation that the scenario model plays. */
export type Scenario = z.infer<typeof scenario>;

/** Reads one scenario file (YAML, of which JSON is a part); throws with the file's name and every problem. */
export const parseScenario = (text: string, file: string): Scenario => {
  const parsed = scenario.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(`${file} is not a scenario:\n${z.prettifyError(parsed.error)}`);
};
