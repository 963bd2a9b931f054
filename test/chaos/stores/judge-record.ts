import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { checkArchive } from "#pipeline/archive-reader/check-archive.ts";
import type { Violation } from "#test/simulation/checker.ts";
import { chainFaults } from "#test/simulation/check-chains.ts";
import { rowsOf } from "../ledger-rows.ts";
import type { StorePlane } from "./plane.ts";

/** Everything that a hash covers, and where it stands. */
const told = ({ place, envelopeText, bytes, prevHash, hash }: StoredFrame): string =>
  JSON.stringify([place, hash, prevHash, envelopeText, Buffer.from(bytes).toString("base64")]);

function* differences(held: readonly StoredFrame[], stream: readonly StoredFrame[]): Iterable<string> {
  if (held.length !== stream.length) yield `it holds ${held.length} frames, the stream ${stream.length}`;
  for (const [n, frame] of stream.entries()) {
    const other = held[n];
    if (other !== undefined && told(other) === told(frame)) continue;
    yield `at place ${frame.place} it holds place ${other?.place} with hash ${other?.hash.slice(0, 8)}, the stream ${frame.hash.slice(0, 8)}`;
    return; // everything behind it is moved
  }
}

const judge = (store: string, held: readonly StoredFrame[], stream: readonly StoredFrame[]): Violation[] => [
  ...[...differences(held, stream)].map((why) => ({ rule: `the ${store} is the stream`, why })),
  ...[...chainFaults(held, () => false)].map((why) => ({ rule: `chains verify from the ${store}'s bytes`, why })),
];

/** Compares the ledger with the stream frame for frame, and walks the chains by its bytes. */
export const judgeLedger = async (
  { ledger }: Pick<StorePlane, "ledger">,
  stream: readonly StoredFrame[],
): Promise<Violation[]> => judge("ledger", await rowsOf(ledger), stream);

/** The same of the archive by its Parquet files, which must be what their manifests say. */
export const judgeArchive = async (
  { archive }: Pick<StorePlane, "archive">,
  stream: readonly StoredFrame[],
): Promise<Violation[]> => {
  const { faults } = await checkArchive(archive.client, archive.signing.keys);
  return [
    ...judge("archive", await archive.frames(), stream),
    ...faults.map((why) => ({ rule: "the archive's files are what their manifests say", why })),
  ];
};
