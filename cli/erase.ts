import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { GrpcFailure } from "#nervous-system/comms/grpc/failure.ts";
import { eraseMethod } from "#nervous-system/comms/grpc/methods.ts";
import { MOST_ERASED } from "#nervous-system/schemas/erased.ts";
import { EraseRequestSchema, EraseResponseSchema } from "#nervous-system/schemas/gen/context_pb.ts";
import { event } from "#nervous-system/schemas/questions/event.ts";
import { textOption, type CommandRun } from "./arguments.ts";
import { endByFailure } from "./ask/reader-failure.ts";
import { renderTable } from "./ask/render-table.ts";
import { findFrames, type FoundFrame } from "./erase/find-frames.ts";
import { ordersOf, placedMeanwhile } from "./erase/orders.ts";
import { CliError, createProgress, exitCode, exited, type Ending, type Host } from "./host.ts";
import { printable, printableJson } from "./printable.ts";
import { connectCollector, explainFailure } from "./server/connect.ts";
import { collectorService, readerService, readServer, type ServerSettings } from "./server/settings.ts";

const usage = (message: string): CliError => new CliError(`enchanted erase: ${message}`);

const DEADLINE_MS = 30_000;
const LOOK_MS = 1_000;
const LOOKS = 120;
const DAY_MS = 86_400_000;

/** What is erased, by whose order, and where. */
type Order = {
  readonly ids: readonly string[];
  readonly agent: string;
  readonly reason: string;
  readonly reader: ServerSettings;
  /** Undefined where nothing is ordered. */
  readonly collector: ServerSettings | undefined;
};

const requestOf = (order: string, reason: string, frames: readonly FoundFrame[]): Buffer => {
  const request = create(EraseRequestSchema, {
    order,
    reason,
    frames: frames.map(({ event_id: eventId, agent_uid: agentUid, epoch, seq, principal, places, blobs }) => ({
      eventId,
      agentUid,
      epoch,
      seq: BigInt(seq),
      principal,
      places: places.map(BigInt),
      blobs: [...blobs],
    })),
  });
  return Buffer.from(toBinary(EraseRequestSchema, request));
};

/** Ids of the orders that were given, and how the files of the archive are locked that they are about. */
type Given = {
  readonly orders: readonly string[];
  readonly lock: { readonly days: number; readonly mode: string } | undefined;
};

const give = async (
  host: Host,
  reason: string,
  collector: ServerSettings,
  frames: readonly FoundFrame[],
): Promise<Given> => {
  const { client } = connectCollector(host, collector);
  const orders: string[] = [];
  let lock: Given["lock"];
  try {
    for (const some of ordersOf(frames)) {
      const request = requestOf(host.ids.next(), reason, some);
      const answer = await client.unary(eraseMethod, request, { deadlineMs: DEADLINE_MS });
      const { eventIds, archiveLockedDays: days, archiveLockMode: mode } = fromBinary(EraseResponseSchema, answer);
      orders.push(...eventIds);
      if (days > 0) lock = { days, mode };
    }
    return { orders, lock };
  } catch (error) {
    if (!(error instanceof GrpcFailure)) throw error;
    throw new CliError(`enchanted erase: ${printable(explainFailure(error, collector))}`, exitCode.fault);
  } finally {
    client.close();
  }
};

/** Looks until the ledger has erased all of them; answers those as they are then. */
const awaitErased = async (host: Host, { ids, agent, reader }: Order): Promise<readonly FoundFrame[]> => {
  const progress = createProgress(host);
  try {
    for (let look = 1; ; look += 1) {
      const frames = await findFrames(host, reader, ids, agent);
      const left = frames.filter(({ erased }) => !erased).length;
      if (left === 0 || look === LOOKS) return frames;
      progress.show(`enchanted: ordered; the ledger still has ${left} of ${frames.length}`);
      await host.clock.sleep(LOOK_MS);
    }
  } finally {
    progress.clear();
  }
};

const tell = (host: Host, frames: readonly FoundFrame[], isText: boolean, orders: readonly string[]): void => {
  const out = host.stdout();
  if (!isText) return void out.write(`${printableJson({ frames, orders })}\n`);
  const columns = Object.entries(event.columns)
    .slice(0, 9)
    .map(([name, { kind }]) => ({ name, kind }));
  const width = out.isTTY === true ? out.columns || 80 : undefined;
  out.write(`${renderTable(columns, frames, width).lines.join("\n")}\n`);
};

const warnOfLessons = (host: Host, frames: readonly FoundFrame[]): void => {
  const lessons = [...new Set(frames.flatMap((frame) => frame.lessons))];
  if (lessons.length > 0)
    host.warn(
      `enchanted: lessons that were learned from it, and frames that recall them, stay, unless you erase them: ${printable(lessons.join(" "))}`,
    );
};

/** A lock begins when a file is written, which was before now. */
const warnOfLock = (host: Host, lock: Given["lock"]): void => {
  if (lock === undefined) return;
  const { days, mode } = lock;
  const latest = new Date(host.clock.now() + days * DAY_MS).toISOString().slice(0, 10);
  const unless = mode === "GOVERNANCE" ? ", unless the siphon's account may lift it" : "";
  host.warn(
    `enchanted: files of the archive are locked for ${days} days from when they were written (${printable(mode)}): the one with these words stays until then, ${latest} at the latest${unless}, beside the one without them, and is removed then; the auditor tells the day (archive held)`,
  );
};

const eraseFrames = async (host: Host, order: Order, isText: boolean): Promise<Ending> => {
  const found = await findFrames(host, order.reader, order.ids, order.agent);
  if (order.collector === undefined) {
    tell(host, found, isText, []);
    warnOfLessons(host, found);
    host.warn("enchanted: nothing was erased; to erase it for good, say --yes and --reason");
    return exited(exitCode.ok);
  }
  const { orders, lock } = await give(host, order.reason, order.collector, found);
  const after = await awaitErased(host, order);
  const more = placedMeanwhile(found, after);
  const again = more.length > 0 ? (await give(host, order.reason, order.collector, more)).orders : [];
  tell(host, after, isText, [...orders, ...again]);
  warnOfLessons(host, after);
  warnOfLock(host, lock);
  const left = after.filter(({ erased }) => !erased);
  if (left.length === 0) {
    host.warn("enchanted: erased from the ledger; archive, graph and memory erase it as they come to the order");
    return exited(exitCode.ok);
  }
  host.warn(
    "enchanted: it was ordered, and the ledger has not erased it yet; see: kubectl logs deploy/enchanted-siphon",
  );
  return exited(exitCode.fault);
};

/** `enchanted erase`. */
export const erase: CommandRun = async (host, { options, operands }) => {
  const [isMeant, reason] = [options["yes"] === true, textOption(options, "reason")];
  const ids = [...new Set(operands)];
  if (ids.length > MOST_ERASED) throw usage(`${MOST_ERASED} frames at most at once`);
  if (isMeant && reason.trim() === "") throw usage("say why with --reason: it stays in the record");
  const reader = readServer(host, options, readerService);
  if (reader === undefined) throw usage("say where the reader is with --reader host:port, or ENCHANTED_READER");
  const collector = isMeant ? readServer(host, { ...options, "server-name": "" }, collectorService) : undefined;
  if (isMeant && collector === undefined)
    throw usage("say where the collector is with --collector host:port, or ENCHANTED_COLLECTOR");
  const order = { ids, agent: textOption(options, "agent"), reason, reader, collector };
  try {
    return await eraseFrames(host, order, textOption(options, "output") === "text");
  } catch (error) {
    if (error instanceof GrpcFailure) return endByFailure(host, error, reader, "erase");
    throw error;
  }
};
