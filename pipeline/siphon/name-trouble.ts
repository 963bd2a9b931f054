import type { TroubleKind } from "#nervous-system/schemas/part-states.ts";

type Named = Exclude<TroubleKind, "starting" | "other">;

/**
 * What stores and their clients say, by what it means; the first that fits counts. A full disk comes before everything, since stores
 * wrap it into errors of all kinds, and who is away last, since much that has another reason ends in a time that is over.
 */
const signs: ReadonlyArray<readonly [Named, RegExp]> = [
  // ClickHouse 243: NOT_ENOUGH_SPACE. Weaviate turns itself read-only before its disk is full.
  [
    "full",
    /no space left|ENOSPC|not enough (?:disk )?space|ClickHouse \(243\)|StorageFull|InsufficientStorage|read-only|disk (?:is |usage )/i,
  ],
  // What Neo4j says from the first write on that its disk did not take.
  ["broken", /needs to be restarted|DatabaseUnavailable/i],
  [
    "foreign",
    /is no ClickHouse|is no S3 service|Unexpected token '<'|is not valid JSON|Deserialization error|responded HTTP|Protocol error|<html|text\/html/i,
  ],
  // ClickHouse 192, 193, 194, 497 and 516: users, passwords and rights.
  [
    "access",
    /ClickHouse \((?:192|193|194|497|516)\)|Neo\.ClientError\.Security|InvalidAccessKeyId|SignatureDoesNotMatch|Access ?Denied|unauthori[sz]ed|forbidden|authentication|status code:? 40[13]/i,
  ],
  // ClickHouse 16, 47, 60 and 81: columns, names, tables, the database.
  [
    "schema",
    /ClickHouse \((?:16|47|60|81)\)|was changed:|no bucket|NoSuchBucket|constraints of the graph|not the one that was prepared|Neo\.ClientError\.Schema|DatabaseNotFound|class .{0,80}not found|could not find class|no such (?:class|prop)|tenant not found|does not have configuration|invalid \w+ property/i,
  ],
  [
    "away",
    /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ServiceUnavailable|SessionExpired|socket hang up|timed? ?out|timeout|time ?limit|DEADLINE_EXCEEDED|UNAVAILABLE|fetch failed|it is not there|within \d+ s|connection/i,
  ],
];

const MAX_READ = 2_000;

/** What kind of trouble a sink's reason for standing is. */
export const nameTrouble = (reason: string): TroubleKind => {
  const read = reason.slice(0, MAX_READ);
  return signs.find(([, sign]) => sign.test(read))?.[0] ?? "other";
};
