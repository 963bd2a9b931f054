import * as z from "zod";
import {
  boundedText,
  mapList,
  programText,
  withoutNul,
  withRules,
  type CelRule,
} from "#nervous-system/schemas/resources/define-resource.ts";

// The programs that an agent may be.
const runtimeKinds = ["Cortex", "Codex", "OpenCode", "ClaudeCode", "MiniSweAgent", "Custom"] as const;

/** Which program an agent is. */
export type RuntimeKind = (typeof runtimeKinds)[number];

const variable = z
  .object({
    name: boundedText(128, "Name of the variable; ENCHANTED_… are ours.").regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
    value: withRules(
      z.string().max(4096).describe("Its value, which everybody may read who may read the mission: no secret."),
      withoutNul,
    ),
  })
  .describe("One variable of the program's environment.");

const words = (max: number, description: string): z.ZodArray<z.ZodString> =>
  z
    .array(programText(4096, "One word of the command line, as it is: no shell reads it."))
    .max(max)
    .describe(description);

const bytesOf = (list: string, text: string): string =>
  `(has(self.${list}) ? self.${list}.map(x, size(bytes(${text}))).sum() : 0)`;

// A pod gets it as JSON in one environment variable, of which the kernel takes 128 KiB; a control character takes six bytes there.
const fitsVariable: CelRule = {
  rule: `${bytesOf("command", "x")} + ${bytesOf("args", "x")} + ${bytesOf("env", "x.value")} <= 16000`,
  message:
    "command, args and values of env have at most 16000 bytes together; put long scripts into the repository or the image",
};

const commandIsCustom: CelRule = {
  rule: "(self.kind == 'Custom') == has(self.command)",
  message: "kind Custom needs a command, and only Custom has one; other kinds take args and env",
};

const cortexIsBare: CelRule = {
  rule: "self.kind != 'Cortex' || (!has(self.args) && !has(self.env))",
  message: "the cortex takes neither args nor env",
};

/** Which program is the agent, and how it is started. */
export const runtime = withRules(
  z
    .object({
      kind: z
        .enum(runtimeKinds)
        .default("Cortex")
        .describe(
          "Cortex is our own agent; Custom is the program that command names; the others are started as they are known.",
        ),
      command: words(16, "The program and its first arguments, for Custom.").min(1).optional(),
      args: words(32, "Further arguments; {task} in one stands for the text of the task.").optional(),
      env: mapList(
        withRules(variable, {
          rule: "!self.name.startsWith('ENCHANTED_')",
          message: "names that begin with ENCHANTED_ are ours",
        }),
        "name",
        32,
        "Variables of the program's environment, beside those that it is given.",
      ).optional(),
    })
    .describe("Which program the agent is; without it the cortex."),
  commandIsCustom,
  cortexIsBare,
  fitsVariable,
);

/** The rule that a member of a team brings the image of a program that the chart's image lacks. */
export const imageForProgram: CelRule = {
  rule: "!has(self.runtime) || self.runtime.kind in ['Cortex', 'Custom'] || has(self.image)",
  message: "the chart's image holds the cortex alone: name the image of the runtime's program",
};

/** Which program an agent is, and how it is started. */
export type Runtime = z.output<typeof runtime>;
