/** Limits of the engine. */
export type EngineLimits = {
  /** Memory of all queries and caches together, in bytes; a query beyond it fails with code 241. */
  readonly maxMemoryBytes: number;
  readonly markCacheBytes: number;
};

/** The engine's configuration file. */
export const renderEngineConfig = ({ maxMemoryBytes, markCacheBytes }: EngineLimits): string =>
  [
    "<clickhouse>",
    `  <max_server_memory_usage>${maxMemoryBytes}</max_server_memory_usage>`,
    `  <mark_cache_size>${markCacheBytes}</mark_cache_size>`,
    `  <uncompressed_cache_size>0</uncompressed_cache_size>`,
    "</clickhouse>",
    "",
  ].join("\n");
