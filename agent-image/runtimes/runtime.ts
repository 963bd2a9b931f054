import type { Runtime } from "#nervous-system/schemas/resources/runtime.ts";

/** What a program may be told, of which each runtime takes what it can. */
export type Told = {
  /** Goal, task and criteria as one text, and the file that holds it. */
  readonly task: string;
  readonly taskFile: string;
  /** Where it may leave title and body of its proposal, and where its last message is looked for. */
  readonly proposalFile: string;
  readonly lastMessageFile: string;
  /** The program's home directory, outside of the work tree. */
  readonly home: string;
  /** The model's name as its provider knows it. */
  readonly model: string;
  readonly isAnthropic: boolean;
  /** Base URLs of the model port, with their version. */
  readonly openaiBaseUrl: string;
  readonly anthropicBaseUrl: string;
};

/** How one kind of program is started: all that is known of it stands in its file. */
export type RuntimeRow = {
  /** Program and arguments, before those of the mission; `{task}` in one stands for the task. */
  command(spec: Runtime, told: Told): readonly string[];
  /** Variables beside those that every program gets, before those of the mission. */
  env?(told: Told): Readonly<Record<string, string>>;
  /** Files of its home, by path. */
  files?(told: Told): Readonly<Record<string, string>>;
};
