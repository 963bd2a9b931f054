/** The variables by which a settings file of Claude Code may send its calls elsewhere, over those that it was started with. */
export const variablesOfClaude = (settings: string): string[] => {
  try {
    const { env = {} } = JSON.parse(settings) as { env?: Record<string, unknown> };
    return Object.keys(env).filter((name) => /^(ANTHROPIC|CLAUDE)_/.test(name) && env[name] !== "");
  } catch {
    return []; // it is none for Claude Code, either
  }
};

/** What the arguments of a program, or of one that it runs, give Claude Code for settings: the name of a file, or their text. */
export const settingsOfClaude = (program: readonly string[]): string[] =>
  program.flatMap((one, at) =>
    program[at - 1] === "--settings" ? [one] : (/^--settings=([^]*)/.exec(one)?.[1] ?? []),
  );
