import { createReadStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#nervous-system/kernel/clock.ts";
import { answerRows, type Recipient } from "./answer-rows.ts";
import { answerNothing } from "./answer.ts";
import type { Engine } from "./engine-client.ts";
import type { RunRequest } from "./engine-protocol.ts";
import type { FifoPool } from "./fifo-pool.ts";
import { selectIntoFile, withEngineQueryIds, type Command, type Select } from "./statement.ts";

/** What statements are run with. */
export type RunDeps = {
  readonly engine: Engine;
  readonly fifos: FifoPool;
  readonly spoolDir: string;
  readonly clock: Clock;
  /** Request number by the query id of its client, for every query under way. */
  readonly running: Map<string, number>;
  readonly nextId: () => number;
};

/** A statement's connection, settings and parameters. */
export type RunBase = Omit<RunRequest, "type" | "sql" | "output">;

// Rows that are whole before the first is answered.
const throughFile = async (
  deps: RunDeps,
  to: Recipient,
  id: number,
  run: (path: string) => ReturnType<Engine["run"]>,
) => {
  const path = join(deps.spoolDir, `${id}.answer`);
  await writeFile(path, "", { mode: 0o600 });
  try {
    const summary = await run(path);
    await answerRows(to, { rows: createReadStream(path), outcome: Promise.resolve(summary) }, deps.clock);
  } finally {
    await rm(path, { force: true });
  }
};

const withTargets = async (deps: RunDeps, sql: string, id: number): Promise<string> => {
  const ids = await deps.engine.queryIds(deps.nextId());
  return withEngineQueryIds(sql, (queryId) => {
    const target = deps.running.get(queryId);
    return target === undefined || target === id ? undefined : ids[target];
  });
};

/** Runs a statement that answers a few rows or none. */
export const runCommand = async (deps: RunDeps, to: Recipient, base: RunBase, command: Command): Promise<void> => {
  const killing = /^\s*KILL\b/i.test(command.sql);
  const sql = killing ? await withTargets(deps, command.sql, base.id) : command.sql;
  await throughFile(deps, to, base.id, (path) =>
    deps.engine.run({ ...base, sql, output: { format: to.frame.format, path } }),
  );
};

/** Runs an INSERT and answers what it has written. */
export const runInsert = async (deps: RunDeps, to: Recipient, base: RunBase, sql: string): Promise<void> =>
  answerNothing(to.response, to.frame, await deps.engine.run({ ...base, sql }));

/** Runs a query whole before it answers, so that a failure at any row is a plain error answer. */
export const runToFile = async (deps: RunDeps, to: Recipient, base: RunBase, select: Select): Promise<void> =>
  throughFile(deps, to, base.id, (path) =>
    deps.engine.run({ ...base, sql: selectIntoFile(select, path, to.frame.format) }),
  );

/** Runs a query and answers its rows as they come; cancels it when the client leaves. */
export const runStreaming = async (deps: RunDeps, to: Recipient, base: RunBase, select: Select): Promise<void> => {
  const fifo = await deps.fifos.take();
  const leave = (): void => {
    fifo.rows.destroy();
    deps.engine.kill(base.id);
  };
  to.gone.addEventListener("abort", leave, { once: true });
  const sql = selectIntoFile(select, fifo.path, to.frame.format);
  const outcome = deps.engine.run({ ...base, sql }).finally(fifo.finish);
  // Awaited only after the rows; until then a failure must not count as unhandled.
  outcome.catch(() => undefined);
  try {
    await answerRows(to, { rows: fifo.rows, outcome }, deps.clock);
  } finally {
    // The pipe may be used again only when the engine has let go of it.
    await outcome.catch(() => undefined);
    fifo.release();
  }
};
