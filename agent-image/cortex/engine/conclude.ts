import type { Clock } from "#nervous-system/kernel/clock.ts";
import type { Kill } from "#nervous-system/kernel/shell.ts";
import { describeEnd, runCommand } from "../tools/command.ts";
import type { Conclusion } from "../tools/finish.ts";
import type { ToolAnswer, ToolCallOptions } from "../tools/tool.ts";
import type { Observer } from "../workspace/observation.ts";
import { AgentStopped } from "./limits.ts";
import type { Journal } from "./journal.ts";

/** What the end of the work is checked with. */
type ConcludeOptions = {
  /** The mission's success criteria: shell commands that must exit with 0. */
  readonly criteria: readonly string[];
  readonly journal: Journal;
  readonly observer: Observer;
  readonly workTree: string;
  readonly commandEnv: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly kill: Kill;
};

const criterionMs = 600_000;
const maxOutputChars = 100_000;

const runCriterion = async (
  options: ConcludeOptions,
  command: string,
  call: ToolCallOptions,
): Promise<{ ok: boolean; text: string }> => {
  const { clock, kill, workTree: cwd } = options;
  const env = { ...options.commandEnv, ...(call.traceparent === undefined ? {} : { TRACEPARENT: call.traceparent }) };
  const end = await runCommand(
    { command, cwd, env, timeoutMs: criterionMs, maxOutputChars, signal: call.signal, clock },
    kill,
  );
  const ok = end.why === "exited" && end.code === 0;
  const text = describeEnd(end, criterionMs);
  await options.journal.action({
    tool: "criterion",
    arguments: { command },
    result: text,
    ok,
    durationMs: end.durationMs,
  });
  return { ok, text };
};

/** Creates what `finish` does: refuses an empty change and one that would not be published, runs the criteria, and sends the model back when one fails. */
export const createConclude = (
  options: ConcludeOptions,
): ((conclusion: Conclusion, call: ToolCallOptions) => Promise<ToolAnswer>) => {
  let emptyBefore = false;
  return async (conclusion, call) => {
    const { changes } = await options.observer.sinceBase();
    if (changes.length === 0) {
      if (emptyBefore)
        throw new AgentStopped({
          reason: "NoChanges",
          message: "the agent finished without changing anything",
          retry: true,
        });
      emptyBefore = true;
      return {
        ok: false,
        text: "nothing in the repository has changed, so there is nothing to propose; do the work, then call finish",
      };
    }
    const refused = await options.observer.refusal();
    if (refused !== undefined)
      return { ok: false, text: `not finished: the change would not be published: ${refused}; undo that part of it` };
    for (const command of options.criteria) {
      const { ok, text } = await runCriterion(options, command, call);
      if (!ok) return { ok: false, text: `not finished: the mission's check \`${command}\` fails\n${text}` };
    }
    return { text: `finished; ${options.criteria.length} checks passed`, finished: conclusion };
  };
};
