/** Hand-written words for figures, by their id: why one is missed, what was tried, what to know when reading it. */
export const notes: Readonly<Record<string, string>> = {
  "P1 stock":
    "nats-server alone takes about 14 µs of CPU a frame, where 1.5 times the peer leaves 16 µs for everything: for an R1 file stream the server (2.15.2) writes every message of an atomic batch twice, " +
    "to a staging store and then to the stream (`nats bench js pub atomic` costs it the same). The collector's own share is about 30 µs, of which a fifth is garbage collection, a tenth the NATS client's own encoding and writing, a twentieth each hashing and parsing the producer's JSON. " +
    "Tried: the envelope is read by one regular expression instead of JSON, schema and RFC 8785 again (5.8 to 0.6 µs); the chain's hashes by Node's one-shot hash (7.8 to 3.6 µs); the mission's partition is remembered (1.7 µs saved); a decoder without objects; " +
    "a young generation of 64 MiB (no difference). The peer checks neither who sends nor hash, right or order.",
  "P2 protobufjs":
    "Reading the envelope by one expression and remembering the partition of a mission made it; the decoder itself is a third of what is left.",
  "P3 p99": "Ours waits for the group before its own, so twice the bare write is what 64 writers can expect at best.",
  "P3 grouped":
    "A group commit that an author writes around SQLite comes close: the medium is the limit then. It stops the event loop for each flush, and ours also writes its mark and checksums.",
  "P4 default async":
    "The peer's asynchronous mode writes single messages without a flush in default sync; we publish atomic batches, because under `sync_interval: always`, which production runs with, single messages are slower by an order of magnitude (next line). " +
    "The server makes a staging store for each batch and flushes its files several times, whatever `sync_interval` says, in one goroutine a stream: ours is idle half of the time waiting for that, and `nats bench js pub atomic` with headers of the same size is no faster. " +
    "Tried: two, three and four batches at a time over lanes of chains (no difference beyond the noise, as the server stages one after the other); `nats bench js pub fast` (flow-controlled batches) does 200,000 messages/s in default sync but 1,400/s under always.",
  "P4 always async": "What production runs with.",
  "P15 p99":
    "The median call is within the aim, the tail is not. Most of it is the first call of each burst, which comes after some milliseconds of rest and schedules the work behind it; without those (next line) the tail is near the bound. " +
    "The SDK's tail has the same shape at about half the time. Not tried yet: taking event ids from a pool instead of one random draw a call, and a cheaper way to schedule the turn.",
  "P15 memory":
    "The whole resident set, with about 45 MiB of the Node program's own pages that every container on a node shares; the scribe's own, RssAnon, was 51 MiB (49 to 55) in the same runs. The scribe runs with the limits that its image sets (NODE_OPTIONS, MALLOC_ARENA_MAX).",
  "R3 drain":
    "One scribe drains in order, one export of at most 512 frames at a time: it reads, encodes and sends, the collector verifies, waits 5 ms for company, commits one atomic batch, and only then the next export begins, so the sum of all these latencies is the rate, and most of it is the server's flushes for the batch. " +
    "The peer sends ten requests at a time without order. Many agents drain side by side at the rate of P1. What would help: a second export on its way while the first is stored.",
  "R3 growth": "Memory flat is read as: no more than 32 MiB above what it held before the drain.",
};
