import type { z } from "zod";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { WorkspaceFiles } from "../workspace/files.ts";
import type { Repository } from "../workspace/repository.ts";

/** What every tool works with. */
export type ToolContext = {
  readonly repository: Repository;
  readonly files: WorkspaceFiles;
  readonly clock: Clock;
  /** Environment of commands: scrubbed, without anything of the agent's own. */
  readonly commandEnv: Readonly<Record<string, string>>;
};

/** What one call gets besides its input. */
export type ToolCallOptions = {
  /** Aborts at the tool's time limit and when the agent is stopped. */
  readonly signal: AbortSignal;
  /** W3C trace context for child processes. */
  readonly traceparent?: string;
};

/** What a tool answers; a tool throws `ToolFailure` for what the model can mend. */
export type ToolAnswer = {
  readonly text: string;
  /** False when the tool ran and its work failed, such as a command with a non-zero exit code. */
  readonly ok?: boolean;
  /** Set by `finish`: the work is done. */
  readonly finished?: { readonly title: string; readonly body: string };
};

/** A tool as its file declares it. */
type ToolDefinition<S extends z.ZodObject> = {
  readonly name: string;
  readonly description: string;
  /** Every field has a description: it is all that the model knows of it. */
  readonly input: S;
  /** Time limit in milliseconds. */
  readonly timeoutMs: number;
  run(input: z.output<S>, options: ToolCallOptions): Promise<ToolAnswer>;
};

/** A tool of any input; `run` takes what its `input` schema accepted. */
export type Tool = Omit<ToolDefinition<z.ZodObject>, "run"> & {
  run(input: unknown, options: ToolCallOptions): Promise<ToolAnswer>;
};

/** Declares a tool. */
export const defineTool = <S extends z.ZodObject>(definition: ToolDefinition<S>): Tool => ({
  ...definition,
  run: (input, options) => definition.run(definition.input.parse(input), options),
});
