/** An instruction of a Dockerfile: its name in upper case, and what stands behind it. */
export type Instruction = { name: string; rest: string };

const HEREDOC = /<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]{0,99})\2/g;
const takesHeredocs = new Set(["RUN", "COPY", "ADD"]);

const isComment = (line: string): boolean => line.trimStart().startsWith("#");

/** The character that continues a line, which a directive at the beginning may change. */
const escapeOf = (lines: readonly string[]): string => {
  for (const line of lines) {
    const [, name = "", value = ""] = /^\s{0,99}#\s{0,99}(\w{1,99})\s{0,99}=\s{0,99}(\S{1,99})/.exec(line) ?? [];
    if (name === "") return "\\";
    if (name.toLowerCase() === "escape" && value === "`") return "`";
  }
  return "\\";
};

/** Walks the lines of a Dockerfile, instruction by instruction. */
export class InstructionLines {
  private readonly lines: readonly string[];
  private readonly escape: string;
  private at = 0;

  constructor(text: string) {
    this.lines = text.split(/\r?\n/);
    this.escape = escapeOf(this.lines);
  }

  /** The next instruction, continued lines joined; the texts of its heredocs are passed over. */
  next(): Instruction | undefined {
    const whole = this.nextWhole();
    if (whole === undefined) return undefined;
    const [, name = "", rest = ""] = /^(\S*)\s*(.*)$/s.exec(whole) ?? [];
    const upper = name.toUpperCase();
    if (takesHeredocs.has(upper))
      for (const [, dash, , end] of rest.matchAll(HEREDOC)) this.passHeredoc(end, dash === "-");
    return { name: upper, rest };
  }

  private nextWhole(): string | undefined {
    const parts: string[] = [];
    for (let line = this.line(); line !== undefined; line = this.line()) {
      const trimmed = line.trimEnd();
      if (isComment(line) || trimmed === "") continue;
      const goesOn = trimmed.endsWith(this.escape);
      parts.push(goesOn ? trimmed.slice(0, -1) : trimmed);
      if (!goesOn) break;
    }
    return parts.length === 0 ? undefined : parts.join(" ").trim();
  }

  private passHeredoc(end: string | undefined, strips: boolean): void {
    const isEnd = (line: string): boolean => (strips ? line.replace(/^\t+/, "") : line) === end;
    for (let line = this.line(); line !== undefined && !isEnd(line);) line = this.line();
  }

  private line(): string | undefined {
    const line = this.lines[this.at];
    this.at += 1;
    return line;
  }
}
