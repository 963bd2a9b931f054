import * as z from "zod";
import { publicKeySettings } from "#pipeline/siphon/archive/key-settings.ts";
import { graphSettings } from "#pipeline/siphon/graph/open-graph.ts";
import { blobSettings } from "#pipeline/settings.ts";

/** The auditor's environment, beside what every part of the pipeline takes: it only reads what these name. */
export const auditorSettings = z.object({
  CLICKHOUSE_URL: z.url().describe("http(s)://host:port of ClickHouse's HTTP interface"),
  CLICKHOUSE_CA_FILE: z.string().optional().describe("PEM file with the CA of ClickHouse; without it the public ones"),
  CLICKHOUSE_USER: z.string().min(1).describe("user of ClickHouse that may read database enchanted"),
  CLICKHOUSE_PASSWORD: z.string().default("").describe("its password"),
  ...blobSettings.shape,
  ...publicKeySettings.shape,
  ...graphSettings.shape,
});
