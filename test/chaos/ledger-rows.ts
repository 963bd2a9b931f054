import type { StoredFrame } from "#nervous-system/comms/nats/read-chunk.ts";
import { ledgerFrames, type TestLedger } from "#test/integration/pipeline/ledger-harness.ts";

/** Every frame of the ledger, made of its rows' bytes alone, in the stream's order. */
export const rowsOf = async (ledger: TestLedger): Promise<StoredFrame[]> =>
  (await ledgerFrames(ledger)).map(({ stream_seq: place, envelope, frame, prev_hash: prevHash, hash }) => ({
    place,
    envelope: JSON.parse(envelope) as StoredFrame["envelope"],
    envelopeText: envelope,
    bytes: Buffer.from(frame),
    prevHash,
    hash,
    storedNs: 0n,
  }));
