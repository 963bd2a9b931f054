/** Hand-written words for figures, by their id: why one is missed, what was tried, what to know when reading it. */
export const notes: Readonly<Record<string, string>> = {
  "P1 stock":
    "0.91 five hours before, on code without metrics of the process; whether those or the machine made the difference was not told apart. nats-server takes about 2.2 µs of CPU a frame in chunks of a hundred (12 before, a message a frame). The collector's own share is about 20 µs: garbage collection and its threads 4 to 5, grpc-js, TLS and sockets 4, " +
    "the chain's three hashes 1.6 to 2.4, the producer's JSON 1 to 1.5, the envelope 1, zstd 1.2, decoding 0.5, planning and cutting chunks 1. Its floor with this format, each part alone and warm, is about 9 µs. " +
    "Tried: young generations of 64 and 128 MiB, one thread of garbage collection, no parallel scavenges (no difference); a JSON scanner that makes nothing (1.2 against 1.0 µs); digests by Latin-1; records copied as neighbours; no channelz. " +
    "What is left to try: a gRPC server on node:http2 of our own (grpc-js costs about 200 µs a call), and frames verified without an object for each. The peer checks neither who sends nor hash, right or order.",
  "P2 protobufjs":
    "Reading the envelope by one expression and remembering the partition of a mission made it; the decoder itself is a third of what is left.",
  "P3 p99": "Ours waits for the group before its own, so twice the bare write is what 64 writers can expect at best.",
  "P3 grouped":
    "A group commit that an author writes around SQLite comes close: the medium is the limit then. It stops the event loop for each flush, and ours also writes its mark and checksums.",
  "P4 default async":
    "0.92 to 1.18 on this machine within five hours; the code of before gave 0.97 right after 0.98. The server is no longer the limit (1.4 µs a frame): our process is, at about 4.5 µs a frame within half a second of work, of which zstd takes 1.2, the young program's compilation and garbage collection most of the rest; warm it is 2.6. The peer is a Go program that sends the same bytes again. " +
    "Tried: two groups under way at once (no faster), gathering for 1, 2 and 5 ms (slower by 15 to 35 %), zstd told the size of what it gets, smaller tables (no difference), records copied as neighbours (0.6 µs).",
  "P4 always async": "What production runs with.",
  "P5 ledger + archive":
    "Two cores carry stream, siphon and stores: at 193 µs of processor a frame they could bear some 10,000. ClickHouse alone takes 38 µs or more, by what format rows come (JSON 50, RowBinary 47, Native 38), so 30,000 need more cores, and two threads in the siphon. " +
    "Tried: gathering and making rows ahead, and one decoding for all sinks (7,818 before; all sinks 1,476), a cache of no bytes (no difference with two sinks), zstd told the size of its chunks (no difference).",
  "P5 all sinks":
    "At 624 µs of processor a frame, of 1,150 before memories were put together; 2 cores bear 3,200 where nothing waits for anything.",
  "P15 p99":
    "`record()` puts the frame in a line in memory; its event id is drawn, and its text written and redacted, in a turn of its own behind the call. On a machine that does much else the tail is that of the scheduler, for both sides.",
  "P15 memory":
    "The whole resident set, of which nearly 60 MiB are pages of the Node program and its libraries that every container on a node shares. The scribe's own, RssAnon, stands below and is what is judged. The scribe runs with the limits that its image sets (NODE_OPTIONS, MALLOC_ARENA_MAX, MALLOC_MMAP_THRESHOLD_).",
  "P15 own memory":
    "47.5 of 48 MiB on the machine of the day before, 48.5 (45.7 to 56.9) on this one, with other work until a minute before: at the limit, not below it.",
  "R3 drain":
    "Two exports of 512 frames are under way. The scribe takes 33 µs of CPU a frame here and 8 without the limits of its image: a young generation of 1 MiB, which keeps its own memory below 48 MiB, makes every frame in flight survive. The collector, which has just started, takes 25. " +
    "Tried: exports of 128 frames (a third slower: each costs about 1.5 ms), a young generation of 4 MiB, an old one of 96 MiB, malloc left to its own threshold (no difference, each), the durable cursor every 16,384 frames. What would help: log records copied from the log without an object a frame.",
  "R3 growth": "Memory flat is read as: no more than 32 MiB above what it held before the drain.",
};
