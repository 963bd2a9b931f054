import * as z from "zod";

/** The siphon's environment, beside what every part of the pipeline takes. */
export const siphonSettings = z.object({
  CLICKHOUSE_URL: z.url().describe("http(s)://host:port of ClickHouse's HTTP interface"),
  CLICKHOUSE_USER: z.string().min(1).describe("user of ClickHouse that may create database enchanted and write to it"),
  CLICKHOUSE_PASSWORD: z.string().default("").describe("its password"),
});

/** See `siphonSettings`. */
export type SiphonSettings = z.output<typeof siphonSettings>;
