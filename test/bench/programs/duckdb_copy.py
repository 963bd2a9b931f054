"""P13, the peer: the same rows, in memory, written by DuckDB on one thread; one line of JSON says what that took."""

import json
import os
import resource
import sys
import time

import duckdb

directory = sys.argv[1]
target = os.path.join(directory, "duckdb.parquet")
db = duckdb.connect()
db.execute("SET threads = 1")
db.execute(f"CREATE TABLE frames AS SELECT * FROM read_parquet('{directory}/[0-9]*.parquet') ORDER BY stream_seq")
(rows,) = db.execute("SELECT count(*) FROM frames").fetchone()
before = time.process_time()
db.execute(f"COPY frames TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
seconds = time.process_time() - before
size = os.path.getsize(target)
os.remove(target)
reading = {
    "rowsPerCpuSecond": rows / seconds,
    "bytesPerFrame": size / rows,
    "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}
print(json.dumps(reading))
