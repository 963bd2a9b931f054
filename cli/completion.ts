import { optionsOf, type Command, type CommandRun } from "./arguments.ts";
import { commands } from "./commands.ts";
import { exitCode, exited } from "./host.ts";

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

const isFile = (name: string): boolean => name === "file" || name.endsWith("-file");

const words = (command: Command): string =>
  [...(command.operand?.choices ?? []), ...optionsOf(command).map(({ name }) => `--${name}`)].join(" ");

const takesFiles = ({ choices, isObject }: NonNullable<Command["operand"]>): boolean =>
  choices === undefined && isObject !== true;

/** Commands whose operands are files. */
const takingFiles = (): string[] =>
  commands.filter(({ operand }) => operand !== undefined && takesFiles(operand)).map(({ name }) => name);

/** Commands whose operand is a mission's name, which the cluster knows. */
const takingMissions = (): string[] =>
  commands.filter(({ operand }) => operand?.isObject === true).map(({ name }) => name);

/** Options that say which cluster and namespace are asked, so that its names are asked of the same. */
const whereOptions = ["namespace", "kubeconfig", "context"].map((name) => `--${name}`);

const valueOptions = (): string[] => {
  const names = commands.flatMap(({ options }) =>
    options.filter(({ type }) => type === "string").map(({ name }) => name),
  );
  return [...new Set(names)].map((name) => `--${name}`);
};

// Bash takes `=` for a word of its own.
const bashMissions = (): string[] => [
  "_enchanted_missions() {",
  "  local asked=() i value",
  "  for ((i = 2; i < COMP_CWORD; i++)); do",
  `    if [[ "\${COMP_WORDS[i]}" == @(${whereOptions.join("|")}) ]]; then`,
  '      value="${COMP_WORDS[i+1]}"; [[ "$value" == = ]] && value="${COMP_WORDS[i+2]}"',
  '      asked+=("${COMP_WORDS[i]}=$value")',
  "    fi",
  "  done",
  '  "${COMP_WORDS[0]}" completion missions "${asked[@]}" 2>/dev/null',
  "}",
];

const bashValues = (): string[] =>
  commands.flatMap((command) =>
    command.options.flatMap(({ name, choices }) =>
      choices === undefined ? [] : [`    ${command.name}:--${name}) words="${choices.join(" ")}" ;;`],
    ),
  );

const bash = (): string =>
  [
    "# completion of enchanted for bash; load with: source <(enchanted completion bash)",
    ...bashMissions(),
    "_enchanted() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}" words="" i',
    "  for ((i = 2; i < COMP_CWORD; i++)); do",
    '    if [[ "${COMP_WORDS[i]}" == -- ]]; then',
    '      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1)); else COMPREPLY=($(compgen -c -f -- "$current")); fi',
    "      return",
    "    fi",
    "  done",
    "  if ((COMP_CWORD == 1)); then",
    `    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$current"))`,
    "    return",
    "  fi",
    '  if [[ "$previous" == --file || "$previous" == --*-file ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi',
    `  if [[ "$command" == @(${takingFiles().join("|")}) && "$current" != -* ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi`,
    `  if [[ "$command" == @(${takingMissions().join("|")}) && "$current" != -* && "$previous" != @(${valueOptions().join("|")}|=) ]]; then COMPREPLY=($(compgen -W "$(_enchanted_missions)" -- "$current")); return; fi`,
    '  case "$command:$previous" in',
    ...bashValues(),
    '    *) case "$command" in',
    ...commands.map((command) => `      ${command.name}) words="${words(command)}" ;;`),
    "    esac ;;",
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "}",
    "complete -F _enchanted enchanted",
    "",
  ].join("\n");

const zshArguments = (command: Command): string => {
  const options = optionsOf(command).map(({ name, description, value, choices, multiple }) => {
    const action = choices === undefined ? (isFile(name) ? "_files" : "") : `(${choices.join(" ")})`;
    const label = description.replaceAll(/[[\]:]/g, " ");
    return quoted(
      `${multiple === true ? "*" : ""}--${name}[${label}]${value === undefined ? "" : `:${value}:${action}`}`,
    );
  });
  const { operand: named } = command;
  const choices = named?.choices;
  const files = named?.isObject === true ? `1:${named.name}:_enchanted_missions` : `*:${named?.name}:_files`;
  const place = choices === undefined ? files : `1:${named?.name}:(${choices.join(" ")})`;
  const operand = named === undefined ? [] : [quoted(place)];
  const program = command.takesProgram === true ? [quoted("*:: :_normal")] : [];
  return `    ${command.name}) _arguments ${[...options, ...operand, ...program].join(" ")} ;;`;
};

const zsh = (): string =>
  [
    "#compdef enchanted",
    "# completion of enchanted for zsh; load with: source <(enchanted completion zsh)",
    "_enchanted_missions() {",
    "  local -a asked names",
    "  local i",
    "  for ((i = 2; i < CURRENT; i++)); do",
    '    case "$words[i]" in',
    `      ${whereOptions.join("|")}) asked+=("$words[i]=$words[i+1]") ;;`,
    `      ${whereOptions.map((option) => `${option}=*`).join("|")}) asked+=("$words[i]") ;;`,
    "    esac",
    "  done",
    '  names=(${(f)"$(enchanted completion missions $asked 2>/dev/null)"})',
    "  compadd -a names",
    "}",
    "_enchanted() {",
    "  if ((CURRENT == 2)); then",
    `    local -a commands=(${commands.map(({ name, summary }) => quoted(`${name}:${summary}`)).join(" ")})`,
    "    _describe command commands",
    "    return",
    "  fi",
    "  shift words; ((CURRENT--))",
    '  case "$words[1]" in',
    ...commands.map(zshArguments),
    "  esac",
    "}",
    "compdef _enchanted enchanted",
    "",
  ].join("\n");

const fishLines = (command: Command): string[] => {
  const when = `-n ${quoted(`__fish_seen_subcommand_from ${command.name}`)}`;
  const options = optionsOf(command).map(({ name, description, value, choices }) => {
    const files = isFile(name) ? " -F" : "";
    const given = choices === undefined ? "" : ` -a ${quoted(choices.join(" "))}`;
    return `complete -c enchanted ${when} -l ${name}${value === undefined ? "" : " -r"}${files}${given} -d ${quoted(description)}`;
  });
  const operand = command.operand;
  if (operand !== undefined && takesFiles(operand)) return [...options, `complete -c enchanted ${when} -F`];
  if (operand?.isObject === true) return [...options, `complete -c enchanted ${when} -a '(__enchanted_missions)'`];
  return operand?.choices === undefined
    ? options
    : [...options, `complete -c enchanted ${when} -a ${quoted(operand.choices.join(" "))}`];
};

const fish = (): string =>
  [
    "# completion of enchanted for fish",
    "function __enchanted_missions",
    "  set -l asked",
    "  set -l given (commandline -opc)",
    "  for i in (seq (count $given))",
    "    switch $given[$i]",
    `      case ${whereOptions.join(" ")}`,
    '        set -a asked "$given[$i]=$given[(math $i + 1)]"',
    `      case ${whereOptions.map((option) => `'${option}=*'`).join(" ")}`,
    "        set -a asked $given[$i]",
    "    end",
    "  end",
    "  enchanted completion missions $asked 2>/dev/null",
    "end",
    "complete -c enchanted -f",
    ...commands.map(
      ({ name, summary }) => `complete -c enchanted -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ),
    ...commands.flatMap(fishLines),
    "",
  ].join("\n");

const shells: Readonly<Record<string, () => string>> = { bash, zsh, fish };

/** `enchanted completion`. */
export const completion: CommandRun = async (host, { operands, options }) => {
  if (operands[0] === "missions") await (await import("./cluster/mission-names.ts")).printMissionNames(host, options);
  host.stdout().write(shells[operands[0] ?? ""]?.() ?? "");
  return exited(exitCode.ok);
};
