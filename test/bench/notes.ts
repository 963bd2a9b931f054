/** Hand-written words for figures, by their id: why one is missed, what was tried, what to know when reading it. */
export const notes: Readonly<Record<string, string>> = {
  "P1 stock":
    "nats-server alone takes about 12 µs of CPU a frame, where 1.5 times the peer leaves 13 µs for everything: for an R1 file stream the server (2.15.2) writes every message of an atomic batch twice, " +
    "to a staging store and then to the stream (`nats bench js pub atomic` costs it the same). The collector's own share is about 28 µs with a flat profile: garbage collection 12 %, writing to sockets 7 %, hashing 5 %, parsing the producer's JSON 5 %, nothing else above 3 %. " +
    "Tried: the envelope is read by one regular expression instead of JSON, schema and RFC 8785 again (5.8 to 0.6 µs); the chain's hashes by Node's one-shot hash (7.8 to 3.6 µs); the mission's partition is remembered (1.7 µs saved); a decoder without objects; " +
    "a young generation of 64 MiB (no difference). The peer checks neither who sends nor hash, right or order.",
  "P2 protobufjs":
    "Reading the envelope by one expression and remembering the partition of a mission made it; the decoder itself is a third of what is left.",
  "P3 p99": "Ours waits for the group before its own, so twice the bare write is what 64 writers can expect at best.",
  "P3 grouped":
    "A group commit that an author writes around SQLite comes close: the medium is the limit then. It stops the event loop for each flush, and ours also writes its mark and checksums.",
  "P4 default async":
    "The peer's asynchronous mode writes single messages without a flush in default sync; we publish atomic batches, because under `sync_interval: always`, which production runs with, single messages are slower by an order of magnitude (next line). " +
    "The server stages each batch and stores it again, in one goroutine a stream, about 11 µs a message: no sender of atomic batches gets beyond some 86,000/s here (`nats bench js pub atomic`), and single messages with headers as long as ours not to the bound either. " +
    "Tried: two, three and four batches at a time over lanes of chains (5 % at most, as the server stages one after the other); `nats bench js pub fast` (flow-controlled batches) does 200,000 messages/s in default sync but 1,400/s under always.",
  "P4 always async": "What production runs with.",
  "P15 p99":
    "`record()` puts the frame in a line in memory; its event id is drawn, and its text written and redacted, in a turn of its own behind the call. On a machine that does much else the tail is that of the scheduler, for both sides.",
  "P15 memory":
    "The whole resident set, of which nearly 60 MiB are pages of the Node program and its libraries that every container on a node shares; they alone put the aim out of reach. The scribe's own, RssAnon, is 44 MiB (told below). The scribe runs with the limits that its image sets (NODE_OPTIONS, MALLOC_ARENA_MAX, MALLOC_MMAP_THRESHOLD_). " +
    "The last one gave back 11 MiB that compiling the program had left with malloc; importing zod by names and a smaller heap some more; larger young generations and fewer threads made no difference.",
  "R3 drain":
    "One scribe drains in order, one export of at most 512 frames at a time: it reads, encodes and sends, the collector verifies and commits one atomic batch, and only then the next export begins, so the sum of all these latencies is the rate. The peer sends ten requests at a time without order. " +
    "Three times the peer would be more than the server stores in atomic batches at all (see P4). Many agents drain side by side at the rate of P1. What would help: a second export on its way while the first is stored, for half as much again; no agent writes as fast as one drains.",
  "R3 growth": "Memory flat is read as: no more than 32 MiB above what it held before the drain.",
};
