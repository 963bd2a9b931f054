// P5, the peer of the ledger's part: the same rows, made beforehand, as fast as the official client and ClickHouse take them.
import { createClient } from "@clickhouse/client";
import { createBus } from "#nervous-system/comms/nats/bus.ts";
import { systemClock } from "#nervous-system/kernel/clock.ts";
import { silentLog } from "#nervous-system/kernel/log.ts";
import { createSqlClient } from "#nervous-system/stores/clickhouse/sql-client.ts";
import { randomIds } from "#nervous-system/schemas/ids.ts";
import { projectRow, type LedgerRow } from "#pipeline/siphon/ledger/row.ts";
import { createLedgerSink, ledger } from "#pipeline/siphon/ledger/sink.ts";
import { framesTable } from "#pipeline/siphon/ledger/tables.ts";
import { programSettings, report } from "../harness/program.ts";

type Settings = { natsUrl: string; url: string; username: string; password: string };

const { natsUrl: servers, ...account } = programSettings() as Settings;
const bus = await createBus({
  servers,
  name: "bench",
  log: silentLog,
  clock: systemClock(),
  random: Math.random,
  ids: randomIds(),
});
const rows: LedgerRow[] = [];
const { place: last } = await bus.newest();
for await (const { item } of bus.follow({ signal: new AbortController().signal })) {
  if (item.kind === "poison") throw new Error(item.poison.reason);
  rows.push(projectRow(item.frame));
  if (item.frame.place >= last) break;
}
await bus.close();
const sink = createLedgerSink(createSqlClient(account), silentLog);
await sink.prepare();
await sink.close();

const client = createClient(account);
const { maxFrames } = ledger.limits;
const cpuBefore = process.cpuUsage();
const began = performance.now();
for (let from = 0; from < rows.length; from += maxFrames)
  await client.insert({
    table: framesTable,
    values: rows.slice(from, from + maxFrames),
    format: "JSONEachRow",
    clickhouse_settings: { date_time_input_format: "best_effort", max_partitions_per_insert_block: "0" },
  });
const seconds = (performance.now() - began) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
await client.close();
report({ perSecond: rows.length / seconds, insertCpuSeconds: (user + system) / 1e6 });
process.exit();
