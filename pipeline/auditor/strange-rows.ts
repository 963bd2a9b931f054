import { placeOf } from "#nervous-system/comms/nats/place.ts";
import { parseTimestampNs } from "#nervous-system/schemas/timestamp.ts";
import type { ObjectClient } from "#nervous-system/stores/s3/object-client.ts";
import { stepArchive, type ArchivePosition } from "#pipeline/archive-reader/walk-archive.ts";
import { strangeRows, type Moment } from "#pipeline/auditor/compare-ledger.ts";
import { isDueRow, type Due } from "#pipeline/auditor/due.ts";
import type { LedgerRows } from "#pipeline/auditor/ledger-rows.ts";
import type { RecordRow } from "#pipeline/auditor/record-row.ts";
import type { ManifestKeys } from "#pipeline/siphon/archive/manifest-keys.ts";
import { finishedBy, type StreamView } from "#pipeline/auditor/view.ts";

/** The two stores that hold every frame. */
export type RecordStores = {
  readonly archive: Pick<ObjectClient, "list" | "get" | "size">;
  readonly ledger: LedgerRows;
  /** What the archive's signatures are held to. */
  readonly keys?: ManifestKeys | undefined;
};

/** Up to where rows of the ledger were looked at, and the archive's files. */
type Reached = { readonly archive: ArchivePosition; readonly upTo?: Moment | undefined };

const MOST_FILES = 8;
const MOST_ASKED = 2000;
const FOREVER: Moment = { storedNs: 2n ** 63n - 1n, place: Number.MAX_SAFE_INTEGER };

const storing = ({ storedNs, place, hash }: Pick<RecordRow, "storedNs" | "place" | "hash">): string =>
  `${storedNs} ${place} ${hash}`;

/** Rows that no file behind the position holds: where NATS's clock was put back, files overlap in time. */
const inNoFileBehind = async (
  client: RecordStores["archive"],
  rows: readonly RecordRow[],
  { archive, upTo }: Reached,
): Promise<readonly RecordRow[]> => {
  let [left, at]: [readonly RecordRow[], ArchivePosition | undefined] = [rows, archive];
  for (let n = 0; n < MOST_FILES && left.length > 0 && at !== undefined; n += 1) {
    const { content, next } = await stepArchive({ client, newest: 0, isDue: () => false }, at);
    const frames = content?.frames ?? [];
    const there = new Set(frames.map(storing));
    left = left.filter((row) => !there.has(storing(row)));
    const isLater = frames.every(({ storedNs }) => upTo === undefined || storedNs > upTo.storedNs);
    at = content !== undefined && isLater ? undefined : next;
  }
  return left;
};

/** Of strange rows those that nothing explains. `behind` is where the archive goes on. */
export const unexplained = async (
  { archive, ledger }: RecordStores,
  rows: readonly RecordRow[],
  behind: Reached,
  signal: AbortSignal,
): Promise<readonly RecordRow[]> => {
  if (rows.length === 0) return rows;
  const left = await inNoFileBehind(archive, rows, behind);
  const replaced = new Set(await ledger.replaced(left.slice(0, MOST_ASKED), signal));
  return left.filter((row) => !replaced.has(row));
};

/** Rows of the ledger that the archive must have and that stand behind its end. */
export const strangeBehind = async (
  { ledger }: Pick<RecordStores, "ledger">,
  { archive: { manifest }, upTo }: Reached,
  view: StreamView,
  signal: AbortSignal,
): Promise<RecordRow[]> => {
  const isOfBefore = manifest !== undefined && manifest.cut.stream !== view.created;
  // Who began at the archive's end knows nothing of where that ends in the stream that is there now; the walk over all of it does.
  if (isOfBefore && upTo === undefined) return [];
  const last = isOfBefore ? 0 : (manifest?.cut.to ?? 0);
  const createdNs = parseTimestampNs(view.created) ?? 0n;
  const after = upTo ?? { storedNs: createdNs, place: last };
  const due: Due = {
    after,
    fromPlace: upTo === undefined ? last + 1 : 0,
    createdNs,
    finished: placeOf(finishedBy(view, "archive") + 1, 0),
    end: placeOf(view.lastSeq + 1, 0),
    nowNs: BigInt(Math.round(view.nowMs)) * 1_000_000n,
  };
  const rows = await ledger.dueBehind(due, signal);
  return strangeRows({ archived: [], rows }, { after, upTo: FOREVER }).filter((row) => isDueRow(row, due));
};
