import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import type { AskSummary } from "#nervous-system/schemas/gen/reader_pb.ts";
import { questions } from "#nervous-system/schemas/questions/catalog.ts";
import { MAX_ROWS, type Question } from "#nervous-system/schemas/questions/define-question.ts";
import { countOption, textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { createAnswerWriter } from "./ask/answer-writers.ts";
import { askReader, type AnswerRow, type Asked } from "./ask/ask-reader.ts";
import { endByFailure } from "./ask/reader-failure.ts";
import { questionOptions } from "./ask/question-options.ts";
import { renderTable } from "./ask/render-table.ts";
import { refuseUnknownTypes, warnOfAbsent, warnOfLeftOut } from "./ask/what-is-there.ts";
import { CliError, exitCode, exited, type Ending, type Host } from "./host.ts";
import { printable, printableJson } from "./printable.ts";
import { readerService, readServer, type ServerSettings } from "./server/settings.ts";

const usage = (message: string): CliError => new CliError(`enchanted ask: ${message}`);

/** The parameters that were given; throws `CliError` for one that the question does not have, or one that it needs. */
const parametersOf = ({ name, parameters }: Question, options: OptionValues): Record<string, string> => {
  const given = questionOptions
    .map((option): [string, string] => [option.name, textOption(options, option.name)])
    .filter(([, value]) => value !== "");
  const foreign = given.find(([one]) => !Object.hasOwn(parameters, one));
  const own = Object.keys(parameters).map((one) => `--${one}`);
  if (foreign !== undefined) throw usage(`${name} takes no --${foreign[0]}; it takes ${own.join(", ")}`);
  const found = Object.fromEntries(given);
  for (const [one, { required, description }] of Object.entries(parameters))
    if (required && found[one] === undefined) throw usage(`${name} needs --${one}: ${description}`);
  return found;
};

const list = (host: Host, options: OptionValues): Ending => {
  const columns = [
    { name: "question", kind: "text" },
    { name: "asks", kind: "text" },
    { name: "parameters", kind: "texts" },
  ];
  const rows = questions.map(({ name, asks, parameters }) => ({
    question: name,
    asks,
    parameters: Object.keys(parameters).map((one) => `--${one}`),
  }));
  const out = host.stdout();
  const isText = textOption(options, "output") === "text";
  out.write(isText ? `${renderTable(columns, rows, undefined).lines.join("\n")}\n` : `${printableJson(rows)}\n`);
  return exited(exitCode.ok);
};

const millions = (value: bigint, unit: number): string => (Number(value) / unit).toFixed(1);

const explained = ({ store, statement, boundJson, rowsRead, bytesRead, elapsedMs, rows }: AskSummary): string =>
  [
    ...statement
      .split("\n")
      .map(printable)
      .filter((line) => line !== ""),
    `bound: ${printable(boundJson)}`,
    `${store}: ${rows} row(s) in ${elapsedMs} ms; ${rowsRead} rows and ${millions(bytesRead, 1e6)} MB read`,
  ].join("\n");

const whatIsCut = ({ cutBy, rows }: AskSummary, { goesOn }: Question, last: AnswerRow): string => {
  const why = cutBy === "size" ? "they are too large for one answer" : `--limit ${rows}`;
  const on = goesOn === undefined ? "" : `; go on with --${goesOn.parameter} ${printable(String(last[goesOn.column]))}`;
  return `enchanted: there are more rows (${why})${on}; --limit takes up to ${MAX_ROWS}`;
};

type Asking = { readonly question: Question; readonly asked: Asked; readonly format: string };

const answer = async (host: Host, server: ServerSettings, { question, asked, format }: Asking): Promise<void> => {
  await refuseUnknownTypes(host, server, asked.parameters, "ask");
  const writer = createAnswerWriter(format, host);
  let last: AnswerRow = {};
  const row = (one: AnswerRow): Promise<void> | void => {
    last = one;
    return writer.row(one);
  };
  const summary = await askReader(host, server, asked, { ...writer, row });
  await writer.end();
  if (summary === undefined) return;
  const isAbsent = summary.rows === 0n && (await warnOfAbsent(host, server, asked.parameters));
  if (summary.rows === 0n && format === "text" && !isAbsent) host.warn("enchanted: nothing in the record answers that");
  if (summary.cutBy !== "") host.warn(whatIsCut(summary, question, last));
  if (question.leavesOut !== undefined) await warnOfLeftOut(host, server, asked.parameters, question.leavesOut);
  if (asked.explain) host.warn(explained(summary));
};

/** `enchanted ask`. */
export const ask: CommandRun = async (host, { options, operands }) => {
  if (options["list"] === true) return list(host, options);
  const question = questions.find(({ name }) => name === operands[0]);
  if (question === undefined) throw usage("name a question; enchanted ask --list tells which there are");
  const parameters = parametersOf(question, options);
  const limit = countOption(options, "limit", MAX_ROWS);
  const format = textOption(options, "output");
  if (format === "parquet" && host.stdout().isTTY === true)
    throw usage("Parquet is not for a terminal: write it into a file, as with > answer.parquet");
  const server = readServer(host, options, readerService);
  if (server === undefined) throw usage("say where the reader is with --reader host:port, or ENCHANTED_READER");
  const asked = { query: question.name, parameters, limit, explain: options["explain"] === true };
  try {
    await answer(host, server, { question, asked, format });
    return exited(exitCode.ok);
  } catch (error) {
    if (error instanceof GrpcFailure) return endByFailure(host, error, server, "ask");
    throw error;
  }
};
