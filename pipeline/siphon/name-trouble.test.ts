import { describe, expect, it } from "@jest/globals";
import { nameTrouble } from "#pipeline/siphon/name-trouble.ts";

describe("what a store's words mean", () => {
  it.each([
    ["sink ledger begins again: ClickHouse (ECONNREFUSED): connect ECONNREFUSED 127.0.0.1:8123", "away"],
    ["ClickHouse (undefined): Timeout error.", "away"],
    ["the archive cannot be written: connect ETIMEDOUT", "away"],
    ["Neo4j (ServiceUnavailable): Failed to connect to server.", "away"],
    ["Weaviate, putting objects: it is not there", "away"],
    ["ClickHouse (undefined): whoever answers the insert is no ClickHouse: its answer has no summary", "foreign"],
    [`ClickHouse (undefined): Unexpected token '<', "<html>Plea"... is not valid JSON`, "foreign"],
    [
      "Neo4j (ServiceUnavailable): Server responded HTTP. Make sure you are not trying to connect to the http endpoint",
      "foreign",
    ],
    ["the archive cannot be written: whoever answers the PUT is no S3 service: its answer has no ETag", "foreign"],
    ["enchanted.context_frames was changed: tool is UInt32 instead of LowCardinality(String)", "schema"],
    ["ClickHouse (60): Table enchanted.context_frames does not exist", "schema"],
    ["the archive cannot be written: there is no bucket enchanted", "schema"],
    ["constraints of the graph are gone", "schema"],
    ["Neo4j (Neo.ClientError.Schema.IndexAlreadyExists): There already exists an index", "schema"],
    ["Weaviate, putting objects: collection Decision does not have configuration for vector lexical_hash", "schema"],
    ['Weaviate, finding objects: /weaviate.v1.Weaviate/Search UNKNOWN: tenant not found: "team-a"', "schema"],
    ["ClickHouse (243): Cannot reserve 1.00 MiB, not enough space", "full"],
    [
      "ClickHouse (75): Code: 75. DB::ErrnoException: Cannot write to file: , errno: 28, strerror: No space left on device",
      "full",
    ],
    ["Weaviate, putting objects: store is read-only due to: disk usage too high", "full"],
    ["Neo4j (X): The database has encountered a critical error, and needs to be restarted.", "broken"],
    ["ClickHouse (516): enchanted: Authentication failed: password is incorrect", "access"],
    ["Neo4j (Neo.ClientError.Security.Unauthorized): The client is unauthorized", "access"],
    ["the archive cannot be written: The Access Key Id you provided does not exist (InvalidAccessKeyId)", "access"],
    ["ClickHouse (241): Memory limit exceeded", "other"],
    ["", "other"],
  ])("%s", (reason, kind) => {
    expect(nameTrouble(reason)).toBe(kind);
  });

  it("reads the beginning of a very long one only", () => {
    expect(nameTrouble(`${"x".repeat(5_000_000)} no space left`)).toBe("other");
  });
});
