import { parseArgs } from "node:util";
import { CliError, type Ending, type Host } from "./host.ts";

/** One option of a command. */
export type Option = {
  name: string;
  type: "string" | "boolean";
  /** How its value is called in help texts. */
  value?: string;
  description: string;
  default?: string;
  choices?: readonly string[];
  /** Whether it may be given several times. */
  multiple?: true;
  /** Environment variable that stands in where the option is not given. */
  variable?: string;
};

/** The values of options, by name; what was not given and has no default is absent. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** A command line that was read. */
export type Invocation = { options: OptionValues; operands: readonly string[]; program: readonly string[] };

/** What a command's module exports. */
export type CommandRun = (host: Host, invocation: Invocation) => Promise<Ending>;

/** A command as help, completion and the reference page tell it. */
export type Command = {
  name: string;
  summary: string;
  description: readonly string[];
  /** How operands are called: one of `choices`, such as `bash|zsh|fish`, the name of one object, else any number of files. */
  operand?: {
    name: string;
    choices?: readonly string[];
    optional?: true;
    isObject?: true;
    /** How the text behind the object is called. */ text?: string;
  };
  /** Whether a program to run stands behind `--`. */
  takesProgram?: boolean;
  options: readonly Option[];
  examples: ReadonlyArray<readonly [line: string, meaning: string]>;
  exitCodes: ReadonlyArray<readonly [code: string, meaning: string]>;
  load(): Promise<CommandRun>;
};

const helpOption: Option = { name: "help", type: "boolean", description: "show this help" };

/** Every option of a command, `--help` last. */
export const optionsOf = (command: Command): readonly Option[] => [...command.options, helpOption];

const usageError = (command: Command, message: string): CliError =>
  new CliError(`enchanted ${command.name}: ${message}; see: enchanted ${command.name} --help`);

const checkChoices = (command: Command, values: OptionValues): void => {
  for (const { name, choices } of command.options) {
    const value = values[name];
    if (typeof value === "string" && choices !== undefined && !choices.includes(value))
      throw usageError(command, `--${name} ${value}: the value must be one of ${choices.join(", ")}`);
  }
};

const refuseOperands = (command: Command, [first]: readonly string[]): void => {
  if (first === undefined) return;
  const hint = command.takesProgram === true ? `; put -- before the program: enchanted run -- ${first}` : "";
  throw usageError(command, `"${first}" is not expected here${hint}`);
};

const checkChoice = (command: Command, choices: readonly string[], [first, second]: readonly string[]): void => {
  const isNamed = first === undefined ? command.operand?.optional === true : choices.includes(first);
  if (!isNamed || second !== undefined) throw usageError(command, `name one of ${choices.join(", ")}`);
};

const checkOperands = (command: Command, operands: readonly string[]): void => {
  const { operand } = command;
  if (operand === undefined) return refuseOperands(command, operands);
  const { name, choices, optional, isObject, text } = operand;
  if (choices !== undefined) return checkChoice(command, choices, operands);
  if (isObject === true && operands.length !== (text === undefined ? 1 : 2))
    throw usageError(command, `name one ${name}${text === undefined ? "" : `, and give one ${text} in quotes`}`);
  if (optional !== true && operands.length === 0) throw usageError(command, `name one ${name} or several`);
};

const read = (command: Command, args: readonly string[]): { values: OptionValues; positionals: string[] } => {
  const entries = optionsOf(command).map(({ name, type, multiple = false, default: initial }) => {
    const short = name === "help" ? { short: "h" } : {};
    return [name, { type, multiple, ...short, ...(initial === undefined ? {} : { default: initial }) }] as const;
  });
  try {
    const options = Object.fromEntries(entries);
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    return { values: values as OptionValues, positionals };
  } catch (error) {
    const [sentence = "bad arguments"] = (error as Error).message.split(". ");
    throw usageError(command, sentence.replace(/^Unknown option/, "unknown option"));
  }
};

/** Reads the arguments behind a command's name; throws `CliError` when they are wrong. */
export const parseInvocation = (command: Command, args: readonly string[]): Invocation | "help" => {
  const separator = command.takesProgram === true ? args.indexOf("--") : -1;
  const own = separator < 0 ? args : args.slice(0, separator);
  const { values, positionals } = read(command, own);
  if (values["help"] === true) return "help";
  checkChoices(command, values);
  checkOperands(command, positionals);
  const program = separator < 0 ? [] : args.slice(separator + 1);
  if (command.takesProgram === true && (program[0] ?? "") === "")
    throw usageError(command, "say which program to run: enchanted run -- <program> [arguments]");
  return { options: values, operands: positionals, program };
};

/** The text of an option that has a default or must be there. */
export const textOption = (options: OptionValues, name: string): string => {
  const value = options[name];
  return typeof value === "string" ? value : "";
};

/** Every text of an option that may be given several times. */
export const textsOption = (options: OptionValues, name: string): readonly string[] => {
  const value = options[name];
  return Array.isArray(value) ? (value as readonly string[]) : [];
};

/** The whole number in an option; throws `CliError` unless it is within the bounds. */
export const countOption = (options: OptionValues, name: string, max: number): number => {
  const text = textOption(options, name);
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new CliError(`--${name} ${text}: give a whole number from 0 to ${max}`);
  return value;
};
