import * as z from "zod";
import { createGraphClient, type GraphClient } from "#nervous-system/stores/neo4j/graph-client.ts";

/** Where the graph is: of the sink that writes it and of the reader. */
export const graphSettings = z.object({
  NEO4J_URL: z
    .string()
    .optional()
    .describe("bolt(+s):// or neo4j(+s)://host:port of Neo4j; without it there is no graph"),
  NEO4J_CA_FILE: z.string().optional().describe("PEM file with the CA of Neo4j; without it the public ones"),
  NEO4J_USER: z.string().min(1).default("neo4j").describe("user of Neo4j that may write and make constraints"),
  NEO4J_PASSWORD: z.string().default("").describe("its password"),
});

/** Opens the graph that the settings name; undefined where they name none. */
export const openGraph = (settings: z.output<typeof graphSettings>): GraphClient | undefined => {
  const { NEO4J_URL: url, NEO4J_CA_FILE: caFile, NEO4J_USER: username, NEO4J_PASSWORD: password } = settings;
  return url === undefined ? undefined : createGraphClient({ url, caFile, username, password });
};
