import { resolve } from "node:path";
import { countOption, textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { createProgress, CliError, exitCode, exited, type Host } from "./host.ts";
import { openCollectorDestination, openFileDestination, type Destination } from "./import/destination.ts";
import { detectShape } from "./import/detect.ts";
import { importRecord } from "./import/import-record.ts";
import { importSession, type ImportContext } from "./import/import-session.ts";
import { gatherSession } from "./import/opencode-storage.ts";
import { emptyOutcome, isWhole, noteUnread, renderOutcome, type Outcome } from "./import/outcome.ts";
import { readEntries, type Entry } from "./import/read-entries.ts";
import { MAX_DRAIN_MS, readRedactor } from "./record/open-recording.ts";
import { printableJson } from "./printable.ts";
import { readServer } from "./server/settings.ts";

/** In so many first entries a file has to say what it is. */
const MOST_PEEKED = 200;

type Peeked = { first: readonly Entry[]; all: AsyncIterable<Entry> };

/** The first entries, and all of them once more. */
const peek = async (entries: AsyncGenerator<Entry>): Promise<Peeked> => {
  const first: Entry[] = [];
  while (first.length < MOST_PEEKED) {
    const { value, done } = await entries.next();
    if (done === true) break;
    first.push(value);
  }
  async function* all(): AsyncGenerator<Entry> {
    yield* first;
    yield* entries;
  }
  return { first, all: all() };
};

async function* gathered(path: string, { first }: Peeked, outcome: Outcome): AsyncGenerator<Entry> {
  for (const entry of first) {
    if ("why" in entry) continue;
    const { value, unread } = await gatherSession(path, entry.value);
    for (const file of unread) noteUnread(outcome, 1, `${file} is not JSON`);
    yield { line: 1, value, text: "" };
  }
}

const importFile = async (
  context: ImportContext,
  file: string,
  onProgress: (share: number) => void,
): Promise<Outcome> => {
  const outcome = emptyOutcome(file, context.destination.name);
  const path = resolve(context.host.cwd, file);
  try {
    const peeked = await peek(readEntries(path, onProgress));
    const shape = detectShape(peeked.first.flatMap((entry) => ("why" in entry ? [] : [entry.value])));
    if (shape === undefined)
      outcome.trouble = "it is neither a record nor a session of Codex, Claude Code, OpenCode or Gemini CLI";
    else if (shape.kind === "record") await importRecord(context, peeked.all, outcome);
    else if (shape.kind === "session") await importSession(context, { ...shape, entries: peeked.all }, outcome);
    else {
      const entries = gathered(path, peeked, outcome);
      await importSession(context, { agent: "opencode", session: shape.session, entries }, outcome);
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    outcome.trouble ??= (error as Error).message;
  }
  return outcome;
};

const importAll = async (context: Omit<ImportContext, "signal">, files: readonly string[]): Promise<Outcome[]> => {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) context.host.onSignal(signal, () => stop.abort());
  const progress = createProgress(context.host);
  const outcomes: Outcome[] = [];
  for (const [at, file] of files.entries()) {
    if (stop.signal.aborted) break;
    const show = (share: number): void =>
      progress.show(`enchanted: file ${at + 1} of ${files.length}: ${Math.floor(share * 100)} %`);
    outcomes.push(await importFile({ ...context, signal: stop.signal }, file, show));
  }
  progress.clear();
  return outcomes;
};

const openDestination = async (
  host: Host,
  options: OptionValues,
): Promise<{ destination: Destination; namespace: string }> => {
  const server = readServer(host, options);
  const drainMs = countOption(options, "drain", MAX_DRAIN_MS);
  if (server === undefined)
    return { destination: await openFileDestination(host, textOption(options, "file")), namespace: "local" };
  return { destination: openCollectorDestination(host, server, drainMs), namespace: server.namespace };
};

/** `enchanted import`. */
export const importFiles: CommandRun = async (host, { options, operands }) => {
  const redactor = readRedactor(host, options);
  const hasOwnRules = options["redact"] !== undefined;
  const { destination, namespace } = await openDestination(host, options);
  let outcomes: Outcome[];
  let failure: string | undefined;
  try {
    outcomes = await importAll({ host, namespace, redactor, hasOwnRules, destination }, operands);
  } finally {
    failure = await destination.close();
  }
  if (failure !== undefined) host.warn(`enchanted: ${failure}`);
  const text = options["output"] === "json" ? printableJson(outcomes) : outcomes.flatMap(renderOutcome).join("\n");
  host.stdout().write(`${text}\n`);
  const isAll = outcomes.length === operands.length && outcomes.every(isWhole) && failure === undefined;
  return exited(isAll ? exitCode.ok : exitCode.fault);
};
