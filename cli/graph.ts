import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { MAX_ROWS } from "#nervous-system/schemas/questions/define-question.ts";
import { textOption, type CommandRun, type OptionValues } from "./arguments.ts";
import { askReader, type AnswerRow } from "./ask/ask-reader.ts";
import { endByFailure } from "./ask/reader-failure.ts";
import { warnOfAbsent } from "./ask/what-is-there.ts";
import type { Picture } from "./graph/picture.ts";
import { renderDot, renderMermaid, renderPictureJson } from "./graph/render-code.ts";
import { renderTree } from "./graph/render-tree.ts";
import { subjects, type Subject } from "./graph/subjects.ts";
import { CliError, exitCode, exited, type Host } from "./host.ts";
import { readerService, readServer, type ServerSettings } from "./server/settings.ts";

const usage = (message: string): CliError => new CliError(`enchanted graph: ${message}`);

const nothing =
  "enchanted: the graph has nothing to draw there; what a file depends on is known of files that agents have changed only";

const takers = ["file", "mission", "place"] as const;

/** The parameters that were given; throws `CliError` for one that the subject does not take, or one that it needs. */
const parametersOf = ({ name, options: taken, needs }: Subject, options: OptionValues): Record<string, string> => {
  const given = takers.map((one) => [one, textOption(options, one)] as const).filter(([, value]) => value !== "");
  const foreign = given.find(([one]) => !Object.hasOwn(taken, one));
  if (foreign !== undefined) throw usage(`${name} takes no --${foreign[0]}`);
  if (!given.some(([one]) => one === needs)) throw usage(`${name} needs --${needs}`);
  // As paths are written, and not as a shell completes them.
  const plain = given.map(([one, value]) => [one, one === "file" ? value.replace(/^\.\//, "") : value] as const);
  return Object.fromEntries(plain.map(([one, value]) => [taken[one] ?? one, value]));
};

const readPicture = async (
  host: Host,
  server: ServerSettings,
  subject: Subject,
  parameters: Readonly<Record<string, string>>,
): Promise<Picture> => {
  const rows: AnswerRow[] = [];
  const asked = { query: subject.question, parameters, limit: MAX_ROWS, explain: false };
  const taker = { begin: () => undefined, row: (row: AnswerRow) => void rows.push(row), isDone: () => false };
  const summary = await askReader(host, server, asked, taker);
  if (summary !== undefined && summary.cutBy !== "")
    host.warn(`enchanted: the picture is not whole: it ends after ${summary.rows} links`);
  return subject.draw(rows, parameters);
};

const drawn = (picture: Picture, output: string, width: number | undefined): string => {
  if (output === "mermaid") return renderMermaid(picture);
  if (output === "dot") return renderDot(picture);
  return output === "json" ? renderPictureJson(picture) : renderTree(picture, width).join("\n");
};

/** `enchanted graph`. */
export const graph: CommandRun = async (host, { options, operands }) => {
  const subject = subjects.find(({ name }) => name === operands[0]);
  if (subject === undefined) throw usage("name what is to be drawn");
  const parameters = parametersOf(subject, options);
  const server = readServer(host, options, readerService);
  if (server === undefined) throw usage("say where the reader is with --reader host:port, or ENCHANTED_READER");
  const output = textOption(options, "output");
  try {
    const picture = await readPicture(host, server, subject, parameters);
    const out = host.stdout();
    const text = drawn(picture, output, out.isTTY === true ? out.columns || 80 : undefined);
    if (picture.nodes.length === 0 && !(await warnOfAbsent(host, server, parameters))) host.warn(nothing);
    if (text !== "") out.write(`${text}\n`);
    return exited(exitCode.ok);
  } catch (error) {
    if (error instanceof GrpcFailure) return endByFailure(host, error, server, "graph");
    throw error;
  }
};
