import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "#platform/process/run.ts";
import { ensurePythonEnvironment } from "#platform/tools/python-environment.ts";
import type { Bench, Reading, Staged, Surroundings } from "./harness/bench.ts";
import { runProgram } from "./harness/program.ts";

const FRAMES = 60_000;
const CHARS = 700;
const AGENTS = 4;

const stage = async ({ directory, quick, note }: Surroundings): Promise<Staged> => {
  note("Python with DuckDB");
  const python = await ensurePythonEnvironment();
  const settings = { frames: quick ? FRAMES / 10 : FRAMES, chars: CHARS, agents: AGENTS };
  const files = join(directory, "files");
  await mkdir(files);
  note("the rows for both");
  await runProgram("archive-files", { ...settings, directory: files });
  const script = fileURLToPath(new URL("programs/duckdb_copy.py", import.meta.url));
  return {
    contestants: [
      { name: "ours", measure: () => runProgram("archive-files", settings) },
      { name: "duckdb", measure: async () => JSON.parse(await run([python, script, files])) as Reading },
    ],
    figures: [
      {
        id: "P13 rows",
        what: "rows written as Parquet a CPU-second, beside DuckDB's COPY on one thread",
        unit: "rows/CPU-s",
        ours: ["ours", "rowsPerCpuSecond"],
        peer: ["duckdb", "rowsPerCpuSecond"],
        goal: { kind: "ratioAtLeast", must: 0.3, aim: 0.8 },
      },
      {
        id: "P13 size",
        what: "bytes a row, beside the same rows by DuckDB",
        unit: "B",
        ours: ["ours", "bytesPerFrame"],
        peer: ["duckdb", "bytesPerFrame"],
        goal: { kind: "ratioAtMost", must: 1.15, aim: 1 },
      },
      {
        id: "P13 memory",
        what: "most memory of the process, frames included",
        unit: "MiB",
        ours: ["ours", "peakMiB"],
        peer: ["duckdb", "peakMiB"],
      },
    ],
    conditions: [
      `${FRAMES} frames of ${AGENTS} agents whose texts are ${CHARS} characters of source code each; same columns, zstd.`,
      "Ours in files as the sink cuts them (16 MiB of frames), from frames as the stream gives them; DuckDB in one file from a table in its memory.",
    ],
  };
};

/** P13: frames to Parquet. */
export const parquetBench: Bench = { id: "P13", title: "Archive files", stage };
