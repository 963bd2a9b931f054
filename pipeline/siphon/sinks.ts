import { archive } from "#pipeline/siphon/archive/sink.ts";
import { graph } from "#pipeline/siphon/graph/sink.ts";
import { ledger } from "#pipeline/siphon/ledger/sink.ts";
import { memory } from "#pipeline/siphon/memory/sink.ts";

/** Every sink. A new one is a folder beside `ledger/` and a line here. */
export const sinks = [ledger, archive, graph, memory] as const;

/** The siphon's environment, beside what every part of the pipeline takes: what its sinks need. */
export const siphonSettings = ledger.settings.extend({
  ...archive.settings.shape,
  ...graph.settings.shape,
  ...memory.settings.shape,
});

/** Names of the durable readers whose stores must hold a frame before it counts as settled. */
export const settlingReaders: readonly string[] = sinks.filter(({ settles }) => settles).map(({ name }) => name);
