#!/usr/bin/env python3
"""Visits the demo of a running `diagent up`, and reads its log as analysts do: with a CloudEvents SDK, and exports with DuckDB.

    .ci/analysts.py COMMAND-API-URL READ-API-URL DEMO-ORIGIN TOKEN DIAGENT-BINARY
"""

import gzip
import json
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import duckdb
from cloudevents.core.formats.json import JSONFormat

COMMAND_API, READ_API, ORIGIN, TOKEN, DIAGENT = sys.argv[1:6]
AGENT = "01KDEM0AGENT00000000000001"


def visit(question):
    def post(path, body, **headers):
        headers |= {"Origin": ORIGIN, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{COMMAND_API}/api/v1/widget/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    token = post("init", {"agent_id": AGENT, "page_url": f"{ORIGIN}/pricing"})["jwt"]
    own = {"Authorization": f"Bearer {token}"}
    post("messages", {"message": question}, **own)
    post("events", [{"event": "cta.click", "metadata": {"label": "Price, of \"a weekend\""}}], **own)


def get(accept="application/x-ndjson", encoding="identity", **query):
    url = f"{READ_API}/api/v1/events?{urllib.parse.urlencode(query)}"
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": accept, "Accept-Encoding": encoding}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        body = answer.read()
        if encoding == "gzip":
            assert answer.headers["Content-Encoding"] == "gzip", answer.headers
            body = gzip.decompress(body)
    return body.decode()


def replay(*arguments):
    command = [DIAGENT, "replay", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ok(what):
    print(f"ok    {what}")


for question in ["What is your refund policy?", "How long does shipping take?", "Who built\nthe \"boats\"?"]:
    visit(question)
lines = get().splitlines()
events = [JSONFormat().read(None, line) for line in lines]
for event in events:
    assert event.get_specversion() == "1.0" and event.get_type().startswith("diagent."), event
    assert ":" in event.get_extension("position"), event
    assert isinstance(event.get_data(), dict), event
assert len({event.get_id() for event in events}) == len(events)
ok(f"a CloudEvents SDK reads all {len(events)} lines")

cursor = json.loads(lines[-1])["cursor"]
positions = [event.get_extension("position") for event in events]
compressed = get(encoding="gzip", as_of=cursor).splitlines()
assert [json.loads(line)["position"] for line in compressed] == positions, "compressed"
half = len(lines) // 2
rest = get(after=json.loads(lines[half - 1])["cursor"], as_of=cursor).splitlines()
assert [json.loads(line)["position"] for line in rest] == positions[half:], "after a cursor"
frames = [frame for frame in get(accept="text/event-stream", as_of=cursor).split("\n\n") if frame]
frames = [dict(line.split(": ", 1) for line in frame.splitlines()) for frame in frames]
assert [json.loads(frame["data"])["position"] for frame in frames] == positions, "as SSE"
assert all(frame["id"] == json.loads(frame["data"])["cursor"] for frame in frames), "the id is the cursor"
assert [json.loads(line)["position"] for line in replay("--as-of", cursor).splitlines()] == positions, "the command"
ok("compressed, from the middle, as SSE and by the command they are the same")

folder = tempfile.TemporaryDirectory()
scratch = Path(folder.name)
for form in ["ndjson", "csv", "parquet"]:
    replay("--as-of", cursor, "--format", form, "--out", scratch / form)
tables = {
    "ndjson": f"read_json('{scratch}/ndjson', format = 'newline_delimited')",
    "csv": f"read_csv('{scratch}/csv', all_varchar = true)",
    "parquet": f"read_parquet('{scratch}/parquet/*/*/*.parquet', hive_partitioning = true, union_by_name = true)",
}
for form, table in tables.items():
    read = [row[0] for row in duckdb.sql(f"SELECT position FROM {table}").fetchall()]
    assert sorted(read) == sorted(positions), f"{form}: {len(read)} of {len(positions)} events"
ok("DuckDB reads every event of an export as NDJSON, CSV and Parquet")

kinds = duckdb.sql(f"SELECT type, count(*) FROM {tables['parquet']} GROUP BY type").fetchall()
assert dict(kinds) == {kind: sum(e.get_type() == kind for e in events) for kind in {e.get_type() for e in events}}
answered = f"read_parquet('{scratch}/parquet/*/type=diagent.message.answered/*.parquet')"
types = dict(row[:2] for row in duckdb.sql(f"DESCRIBE SELECT * FROM {answered}").fetchall())
for column, expected in {
    "time": "TIMESTAMP WITH TIME ZONE",
    "at": "TIMESTAMP WITH TIME ZONE",
    "content": "VARCHAR",
    "low_confidence": "BOOLEAN",
    "first_token_ms": "BIGINT",
}.items():
    assert types[column] == expected, f"{column} is {types[column]}"
contents = duckdb.sql(f"SELECT position, content FROM {answered} ORDER BY position").fetchall()
expected = [(e.get_extension("position"), e.get_data()["content"]) for e in events if e.get_type() == "diagent.message.answered"]
assert contents == sorted(expected)
ok("columns are typed, and folders are days and types")
