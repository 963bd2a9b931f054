import * as z from "zod";
import {
  boundedText,
  dnsLabel,
  nameRule,
  programText,
  withRules,
  type ResourceDefinition,
} from "#nervous-system/schemas/resources/define-resource.ts";
import { commonStatus } from "#nervous-system/schemas/resources/status-parts.ts";

// A pod gets it in one environment variable, and Codex reads 32 KiB of instructions, the repository's with it.
const systemPrompt = withRules(
  programText(16384, "Who the agent is and how it works, as its model is told before anything else.").regex(/\S/),
  {
    rule: "size(bytes(self)) <= 16384",
    message: "systemPrompt has at most 16384 bytes; put what concerns one repository into its AGENTS.md",
  },
);

const spec = z
  .object({
    systemPrompt,
    description: boundedText(256, "What the persona is for, in one line, for people.").optional(),
  })
  .describe("What is wanted.");

/** Digest of a persona's prompt: `sha256:` and what `sha256sum` says of the text. */
export const personaDigest = (description: string): z.ZodString =>
  z
    .string()
    .max(71)
    .regex(/^sha256:[0-9a-f]{64}$/)
    .describe(description);

/** The persona of one agent, as it was when the agent was made. */
export const pinnedPersona = z
  .object({
    name: dnsLabel(63, "Name of the Persona."),
    systemPrompt,
  })
  .describe(
    "Persona that it works as, as that was when the agent was made: later changes of it reach new agents only.",
  );

const status = z
  .object({
    ...commonStatus,
    digest: personaDigest("Digest of systemPrompt, which agents and their frames carry.").optional(),
  })
  .describe("What is.");

/** Persona: a prompt as reviewed Git content, by which members of teams work. */
export const personaDefinition = {
  kind: "Persona",
  plural: "personas",
  singular: "persona",
  shortNames: ["epersona"],
  description: "Persona is who an agent is and how it works: a system prompt that missions share.",
  spec,
  status,
  rules: [nameRule(63)],
  columns: [
    { name: "Description", type: "string", jsonPath: ".spec.description", description: "What it is for." },
    {
      name: "Ready",
      type: "string",
      jsonPath: ".status.conditions[?(@.type=='Ready')].status",
      description: "Whether missions may name it.",
    },
    { name: "Digest", type: "string", jsonPath: ".status.digest", description: "Digest of its prompt.", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was created." },
  ],
} as const satisfies ResourceDefinition;

/** What is wanted of a Persona. */
export type PersonaSpec = z.output<typeof spec>;
/** What a Persona has come to. */
export type PersonaStatus = z.output<typeof status>;
