import { questions } from "#nervous-system/schemas/questions/catalog.ts";
import type { Command } from "./arguments.ts";
import { questionDescriptions, questionOptions } from "./ask/question-options.ts";
import { clusterCommands } from "./cluster/commands.ts";
import { clusterOptions } from "./cluster/options.ts";
import { eraseCommand } from "./erase/command.ts";
import { exportCommand } from "./export/command.ts";
import { graphCommand } from "./graph/command.ts";
import {
  fileOption as file,
  outputOption as output,
  readerOptions,
  recordingOptions,
  serverOptions,
} from "./options.ts";

const usage = ["2", "the command line is wrong, or the file cannot be used; the message says which"] as const;

/** Every command, in the order of the help. A new one is a file beside this and an entry here. */
export const commands: readonly Command[] = [
  {
    name: "run",
    summary: "run a program and record what it tells and does",
    description: [
      "Runs a program in this terminal as if enchanted were not there, and appends what it tells on file descriptor 3 or to the socket $ENCHANTED_SOCKET, its calls of models, and the changes it makes in a Git work tree to a file, one Context Frame a line, each linked to the one before by a hash.",
      "The program finds OPENAI_BASE_URL and ANTHROPIC_BASE_URL pointed to a port on loopback that passes each call on to the base URL that was set before (OPENAI_API_BASE, ANTHROPIC_API_BASE, GOOGLE_GEMINI_BASE_URL, GOOGLE_VERTEX_BASE_URL and CODE_ASSIST_ENDPOINT likewise, where they are set), with the program's own key, and TRACEPARENT. WebSockets pass, too. The port asks by the proxy that the program would have asked by (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY), and directly where NO_PROXY says so by the rules of curl, of Python's clients or of Node; where the proxy does not speak HTTP (socks5://…), the base URLs are left alone.",
      "Claude Code asks for its organisation's policy, and sends some headers and members of requests, only where its base URL is Anthropic's: where the port leads there, it gets _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL=1, unless that is set. Its Remote Control does not take that for enough: use --no-models.",
      "codex gets the port as a setting of this call (-c openai_base_url=…), which leads to where its settings file leads; gemini-cli gets it where its settings say how it signs in (security.auth.selectedType), without which it starts with no address of another. Calls whose address cannot be told, such as those of a codex that is run with --oss or by a script, are left alone, and so is a base URL that a .env file, or settings or arguments of aider or Claude Code, may set. Not seen is what a program sets in its own code: one that uses litellm and sets OPENAI_API_BASE there asks the address in OPENAI_BASE_URL first, so run it with --no-models.",
      "Some programs do other things because a base URL is set at all, which nothing can be given against: codex with an API key does not refresh its list of models (with a ChatGPT account it does), and LangChain's ChatOpenAI asks for no count of tokens in streams unless stream_usage=True.",
      "OTEL_EXPORTER_OTLP_ENDPOINT points to a port on loopback that takes OTLP over gRPC and HTTP: spans and log records become frames. An endpoint that is set already stays, and what goes there is not recorded; where only one signal has an endpoint (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT), the others find the port by theirs.",
      "With a collector each frame goes there too, unchanged and in the same chain. The program never waits for the collector: what it has not taken by the end stays in $XDG_STATE_HOME/enchanted/outbox (~/.local/state/enchanted/outbox), for the next run or `enchanted push`. ENCHANTED_TOKEN is kept from the program.",
      "What the program leaves behind, as tmux does, finds the ports and the socket where they were: where such a process lives when the program or enchanted itself has ended, by whatever, another process goes on in a chain of its own, until none is left. It is named; a signal ends it. It observes files for two minutes after each time that it hears something, so that what is changed by hand beside a daemon is not taken for the daemon's.",
      "Secrets (keys, tokens, passwords, values of secret variables of the environment) are replaced by [redacted:…] in the record, never in what the program does.",
      "Changes of files are observed about once a second: tracked files, and untracked ones that no rule of the repository or of yours ignores. The rules are those that stood in .git/info/exclude and yours at the beginning, and those in .gitignore files as they are. Another user's repository is not observed unless your own safe.directory says so. No filter of the repository runs: a file of Git LFS is taken as it is. Of a file over 16 MiB only that it changed; of a submodule only which commit it is at; of a file of which the program records STATE_CHANGE frames itself, nothing else. What is there is read beside the program, which waits for it for a tenth of a second at most: a file that changes before it was read is told without lines and diff, since older edits may be in them (before_unknown). The end waits for two seconds at most, or until a signal: what was not observed is named. Runs of one user that work in the same tree record nothing of each other's records, and a change that may be of either names the other (also_running). A record inside a work tree is kept out of it by a line in .git/info/exclude.",
    ],
    takesProgram: true,
    options: [
      { ...file, description: "the file to append to" },
      { name: "agent", type: "string", value: "name", description: "name of the agent; else the program's name" },
      { name: "no-observe", type: "boolean", description: "do not observe the Git work tree" },
      { name: "no-models", type: "boolean", description: "leave the base URLs of models alone" },
      { name: "no-otlp", type: "boolean", description: "leave OTEL_EXPORTER_OTLP_ENDPOINT alone" },
      {
        name: "quiet",
        type: "boolean",
        description: "leave out the last line, which counts what was recorded, and what else is only good to know",
      },
      {
        name: "linger",
        type: "string",
        value: "ms",
        description: "how long to wait, after the program's end, for processes it left behind that still hold FD 3",
        default: "1000",
      },
      ...recordingOptions,
    ],
    examples: [
      ["enchanted run -- claude", "record an interactive agent by its calls of models and its changes of files"],
      [
        `enchanted run -- bash -c 'echo "{\\"event_type\\":\\"THOUGHT\\",\\"text\\":\\"hm\\"}" >&3'`,
        "record a thought",
      ],
      [
        "enchanted run --collector localhost:4317 --namespace team --token-file token --ca-file ca.crt --server-name enchanted-collector -- claude",
        "record in the swarm's ledger too, through a port-forward",
      ],
      ["enchanted run --redact 'customer-[0-9]+' -- make", "keep the names of customers out of the record"],
      ["enchanted run --no-observe --file /tmp/a.jsonl -- make", "record elsewhere, without observing files"],
    ],
    exitCodes: [
      ["the program's own", "a program that a signal ends is told by that signal, 128+n in a shell"],
      ["125", "enchanted failed before the program began"],
      ["126", "the program is not executable"],
      ["127", "there is no such program"],
      usage,
    ],
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "sink",
    summary: "append the frames that arrive on standard input to a file",
    description: [
      "Reads JSON lines, and JSON printed over several lines such as OpenTelemetry's ConsoleSpanExporter writes, until the end of its input. A span becomes a frame for each of its events and one for itself.",
      "What is no frame becomes an ERROR frame, so it is not lost silently. With a collector each frame goes there too, as with `enchanted run`.",
    ],
    options: [{ ...file, description: "the file to append to" }, ...recordingOptions],
    examples: [
      ["./enchanted_swarm_cli --task=refactor 3> >(enchanted sink)", "record FD 3 without the wrapper"],
      ["enchanted sink --file chained.jsonl < swarm_context.jsonl", "give recorded spans a hash chain"],
    ],
    exitCodes: [["0", "everything was written"], ["1", "a part could not be written; the message says why"], usage],
    load: async () => (await import("./sink.ts")).sink,
  },
  {
    name: "push",
    summary: "send the collector what earlier runs could not",
    description: [
      "Sends each run that is in the outbox, the oldest first, and removes it there once the collector has every frame of it on disk. Runs that are still being recorded are left to themselves.",
      "With --drop it tries that one run once more and removes what the collector does not take, without asking: it says how much of whose run that was, and why it was not taken. The file that the run was recorded in stays as it is.",
    ],
    options: [
      ...serverOptions,
      { name: "all", type: "boolean", description: "also what was recorded for another collector" },
      {
        name: "drop",
        type: "string",
        value: "run",
        description: "the run, by the UUID that push names it by, of which nothing more is to be sent",
      },
      {
        name: "wait",
        type: "string",
        value: "ms",
        description: "give a run up when nothing of it was taken for so long",
        default: "30000",
      },
      output,
    ],
    examples: [
      ["enchanted push", "with the collector of the environment"],
      [
        "enchanted push --drop 0197f3c2-5b7e-7c3d-9a41-6f2e8d1b0c55",
        "give up a run that the collector refuses for good",
      ],
      ["enchanted push --output json | jq '.[] | select(.state != \"stored\")'", "what is left, and why"],
    ],
    exitCodes: [
      ["0", "nothing is left"],
      ["1", "something is left; each line says why and, where every push would, how to drop it"],
      usage,
    ],
    load: async () => (await import("./push.ts")).push,
  },
  {
    name: "import",
    summary: "take sessions of other agents, and records, into a record or to a collector",
    description: [
      "Reads session files of Codex (~/.codex/sessions, packed as .jsonl.zst too), Claude Code (~/.claude/projects), Gemini CLI (chats/session-* and logs.json below ~/.gemini/tmp) and OpenCode (what `opencode export` writes, or a file of storage/session), and records of this command line, each known by what stands in it. Messages become MESSAGE, reasoning THOUGHT, calls of tools with their results ACTION, changes of files that a tool tells of STATE_CHANGE, usage of a model CHAT. What an entry says that is none of these is kept as IMPORTED_ENTRY; the summary counts it, and names lines that could not be read. Texts over 24,000 characters are cut. Secrets are replaced as in every record.",
      "Each session becomes a chain of its own whose frames are observed when the session says that they were: the same file makes the same chain, so what is imported again adds only what is new in it, here and at a collector. A session that reads otherwise than it did then is left as it is, and named.",
      "With a collector the frames go there and not to the file, as with `enchanted push`. The summary names the place, and counts what is new there, what it had before, and what a collector refused. A record keeps its chains in a file, an export too; at a collector where they were recorded for the same namespace, else they are made anew under it, and what pods and components recorded is left out.",
    ],
    operand: { name: "file" },
    options: [{ ...file, description: "the file to append to" }, ...recordingOptions, output],
    examples: [
      ["enchanted import ~/.codex/sessions/2026/10/*/rollout-*.jsonl*", "what Codex did in October"],
      [
        "enchanted import ~/.claude/projects/*/*.jsonl --file claude.jsonl",
        "every session of Claude Code, in a file of its own",
      ],
      ["opencode export ses_1 > session.json && enchanted import session.json", "one session of OpenCode"],
      ["enchanted import swarm_context.jsonl --collector localhost:4317 --namespace team", "a record, to a collector"],
    ],
    exitCodes: [
      ["0", "everything was taken"],
      [
        "1",
        "something was not: a line that is not JSON, a file of another kind, frames that the collector refused or has not yet",
      ],
      usage,
    ],
    load: async () => (await import("./import.ts")).importFiles,
  },
  {
    name: "tail",
    summary: "print a file of context, one line a frame",
    description: [
      "Reads frames and the spans of ConsoleSpanExporter. Colour only on a terminal, and never with NO_COLOR.",
    ],
    options: [
      file,
      { name: "follow", type: "boolean", description: "go on with what is appended, until interrupted" },
      { name: "type", type: "string", value: "types", description: "only these event types, separated by commas" },
      {
        name: "otlp",
        type: "string",
        value: "how",
        description:
          "spans and logs of the program that tell nothing of an agent: fold makes one line of many in a row (as text without --type), all prints each (else), none leaves them out",
        choices: ["fold", "all", "none"],
      },
      output,
    ],
    examples: [
      ["enchanted tail --follow", "watch a recording"],
      ["enchanted tail --otlp none", "what the agent did, without the other spans of its program"],
      ["enchanted tail --type DECISION_RATIONALE,STATE_CHANGE --output json", "decisions and changes, for jq"],
    ],
    exitCodes: [["0", "the file was read"], usage],
    load: async () => (await import("./tail.ts")).tail,
  },
  {
    name: "verify",
    summary: "verify the hash chains of a file",
    description: [
      "Checks that each frame's hash fits its bytes and stamps, that it names the hash of the frame before it, and that no frame is missing, for every chain in the file. What was cut off at a chain's end cannot be seen; a recording that ends without LIFECYCLE Stopped is shown as unfinished.",
      "An export holds of components' chains, such as the gateway's, what is about its mission alone: with --excerpt frames may be missing, and each chain says how many. What is there must be unchanged and in order all the same.",
      "Spans of ConsoleSpanExporter carry no hashes: they are counted, and nothing can be said about them.",
    ],
    options: [
      file,
      { name: "excerpt", type: "boolean", description: "take missing frames for left out, not for a fault" },
      output,
    ],
    examples: [["enchanted verify", "verify ./swarm_context.jsonl"]],
    exitCodes: [
      ["0", "there are frames, and no fault was found"],
      ["1", "a fault was found; the first one is named; or there is nothing to verify"],
      usage,
    ],
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "ask",
    summary: "ask the swarm's record a question",
    description: [
      "Asks the reader, which answers from the ledger to whose token may get missions/record in the namespace. Times are UTC: 2026-11-30T04:00:00Z, 2026-11-30 04:00, 2026-11-30, 04:00 (today), or 90m, 2h, 7d (ago).",
      ...questionDescriptions,
    ],
    operand: { name: "question", choices: questions.map(({ name }) => name), optional: true },
    options: [
      ...questionOptions,
      { name: "list", type: "boolean", description: "tell which questions there are" },
      { name: "limit", type: "string", value: "rows", description: "rows at most, up to 10000", default: "100" },
      {
        name: "explain",
        type: "boolean",
        description: "also tell, on standard error, the SQL, what was bound to it, the rows read and the time",
      },
      {
        name: "output",
        type: "string",
        value: "format",
        description:
          "a table for people that fits the terminal, or for programs JSON, JSON lines, CSV or Parquet; in CSV a text that begins as a formula of a spreadsheet does (= + - @) has a ' before it",
        default: "text",
        choices: ["text", "json", "jsonl", "csv", "parquet"],
      },
      ...readerOptions,
    ],
    examples: [
      [
        "enchanted ask conversations --a architect --b reviewer --about 'database schema' --from 04:00 --to 05:00",
        "what the two said about it this morning",
      ],
      ["enchanted ask files --file src/auth/ --output csv > changes.csv", "who changed what below a folder, and why"],
      ["enchanted ask errors --mission fix-login --from 2h --explain", "what went wrong lately, and how that is asked"],
    ],
    exitCodes: [
      ["0", "it was answered"],
      ["1", "the reader refused or could not be asked; the message says why"],
      ["2", "the command line is wrong, or a parameter; the message says which and what is expected"],
    ],
    load: async () => (await import("./ask.ts")).ask,
  },
  graphCommand,
  ...clusterCommands,
  exportCommand,
  eraseCommand,
  {
    name: "doctor",
    summary: "check what recording on this machine needs, or tell why a mission does not go on",
    description: [
      "With a mission's name it explains in plain words what keeps that one from going on, or ended it, and which command to type next: by what its conditions, its agents', its pods and the Events about them tell. It changes nothing, and looks at nothing else. Without, it checks what recording needs.",
      "Each line says ok or fail, and what to do. With a collector it looks whether its name resolves, its certificate is of the CA, the token is accepted, recording in the namespace is allowed, and the clocks agree; it writes nothing there. Then it tells how full the stream is, of each store behind it whether it keeps up or why it stands, which frames it could never take, and what the auditor found; with the release's namespace, to who may read its record too, in the stores' own words and of all namespaces.",
    ],
    operand: { name: "mission", isObject: true, optional: true },
    options: [
      file,
      ...serverOptions,
      ...clusterOptions.filter(({ name }) => !serverOptions.some((option) => option.name === name)),
      output,
    ],
    examples: [
      ["enchanted doctor fix-bug", "why that mission does not go on"],
      ["enchanted doctor", "check this directory, and the collector of the environment"],
      ["enchanted doctor --namespace enchanted-system", "the same, and why stores stand, in their own words"],
    ],
    exitCodes: [
      ["0", "everything is there; or nothing of the mission waits for somebody"],
      ["1", "something is missing; or the mission waits for somebody, or is over; or the cluster cannot be asked"],
      usage,
    ],
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "completion",
    summary: "print a completion script for a shell",
    description: [
      "Completes commands, options and their values, and names of missions, for which the script asks the cluster that the command line names by `enchanted completion missions`: within a second and a half, or it completes none.",
    ],
    operand: { name: "shell", choices: ["bash", "zsh", "fish", "missions"] },
    options: clusterOptions,
    examples: [
      ["source <(enchanted completion bash)", "for this bash"],
      ["enchanted completion fish > ~/.config/fish/completions/enchanted.fish", "for every fish"],
    ],
    exitCodes: [["0", "the script was printed, or what names there are"], usage],
    load: async () => (await import("./completion.ts")).completion,
  },
];
