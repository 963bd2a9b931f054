"""Reads files of the archive with DuckDB and nothing of ours; says what it found as JSON."""

import hashlib
import json
import sys

import duckdb

FILES = sys.argv[1]

db = duckdb.connect()
db.execute("SET TimeZone = 'UTC'")
db.execute(f"CREATE VIEW frames AS SELECT * FROM read_parquet('{FILES}', filename = false)")

columns = {name: kind for name, kind, *_ in db.execute("DESCRIBE frames").fetchall()}
rows = db.execute("SELECT frame, frame_bytes, envelope, hash FROM frames ORDER BY stream_seq").fetchall()
digest = hashlib.sha256()
for frame, frame_bytes, envelope, chain_hash in rows:
    for part in (frame_bytes if frame_bytes is not None else frame.encode(), envelope.encode(), chain_hash.encode()):
        digest.update(hashlib.sha256(part).digest())

said = db.execute(
    """
    SELECT frame ->> '$.payload.text' FROM frames
    WHERE mission = 'asked' AND event_type = 'THOUGHT' AND observed >= TIMESTAMPTZ '2025-11-21 04:59:34Z'
    ORDER BY seq
    """
).fetchall()
json.dump(
    {
        "columns": columns,
        "rows": len(rows),
        "digest": digest.hexdigest(),
        "said": [text for (text,) in said],
        "agents": db.execute("SELECT count(DISTINCT agent_uid) FROM frames").fetchone()[0],
    },
    sys.stdout,
)
