"""Compares what was said, what agents were given, what was delivered, and what the bot's books say."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

from benchmarks.torture.driver import Record

FINAL = {"answered", "failed", "stopped", "interrupted", "retracted", "refused"}
GIVEN = {"answered", "failed", "stopped", "interrupted"}
TOKEN = re.compile(r"m-\d{6}")


def judge(place: Path, record: Record) -> tuple[dict[str, int], list[str]]:
    """Figures, and every broken promise in words."""
    rows = _rows(place / "data" / "tugbot.db")
    given = _given(place / "journal")
    broken = [*_messages(record, rows, given), *_deliveries(record, rows, place), *_survivors(place)]
    broken += [f"the bot called a line bad: {error}" for error in record.errors]
    states = Counter(str(row["state"]) for row in rows.values())
    figures = {
        "messages accepted": len(rows),
        **{f"  {state}": count for state, count in sorted(states.items())},
        "given to agents": sum(given.values()),
        "resent by the driver": record.counts["resent"],
        "duplicates recognised": record.counts["ack duplicate"],
        "messages delivered": record.counts["message"],
        "possible repeats": sum(said["repeat"] for each in record.delivered.values() for said in each),
        "broken promises": len(broken),
    }
    return figures, broken


def _rows(database: Path) -> dict[str, sqlite3.Row]:
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT event_id, kind, state, text, run FROM messages").fetchall()
    connection.close()
    return {row["event_id"]: row for row in found}


def _given(journal: Path) -> Counter[str]:
    return Counter(token for file in journal.glob("*.given") for token in TOKEN.findall(file.read_text()))


def _messages(record: Record, rows: dict[str, sqlite3.Row], given: Counter[str]) -> list[str]:
    broken = [f"{token} was given {times} times" for token, times in given.items() if times > 1]
    for op in record.ops.values():
        kind, event = op.id.split("/")
        if not op.acks:
            broken.append(f"{op.id} was never acknowledged")
        elif kind == "message":
            broken += _message(event, op.line["text"], rows.get(event), given)
        elif kind == "retract" and op.acks[0] == "changed" and op.sends == 1 and given[_token(rows[event])]:
            broken.append(f"{event} was retracted in time and given all the same")
    return broken


def _message(event: str, text: str, row: sqlite3.Row | None, given: Counter[str]) -> list[str]:
    if row is None:
        return [f"{event} was accepted and is gone"]
    if row["kind"] == "command":
        return [] if row["state"] in ("done", "failed", "interrupted") else [f"command {event} is {row['state']}"]
    broken = [] if row["state"] in FINAL else [f"{event} is {row['state']} at the end"]
    times = given[_token(row)]
    if row["state"] in ("answered", "failed") and times != 1:
        broken.append(f"{event} is {row['state']} but was given {times} times")
    if row["state"] not in GIVEN and times:
        broken.append(f"{event} is {row['state']} but was given")
    if row["state"] == "stopped" and row["run"] is None and times:
        broken.append(f"{event} was discarded but given")
    return broken


def _token(row: sqlite3.Row) -> str:
    return str(row["text"]).split()[0]


def _deliveries(record: Record, rows: dict[str, sqlite3.Row], place: Path) -> list[str]:
    broken = []
    for key, said in record.delivered.items():
        if sum(not each["repeat"] for each in said) > 1:
            broken.append(f"{key} was delivered more than once without saying so")
    with sqlite3.connect(place / "data" / "tugbot.db") as connection:
        outbox = connection.execute("SELECT key, state FROM outbox").fetchall()
        silent = connection.execute(
            "SELECT id FROM runs WHERE state != 'stopped' AND id NOT IN (SELECT run FROM outbox WHERE run IS NOT NULL)"
        ).fetchall()
    connection.close()
    for key, state in outbox:
        if state not in ("sent", "possible_repeat"):
            broken.append(f"{key} is {state} in the outbox")
        elif not record.delivered.get(key):
            broken.append(f"{key} was never seen although the outbox says {state}")
    return broken + [f"run {run} ended in silence" for (run,) in silent]


def _survivors(place: Path) -> list[str]:
    """By heartbeat, and by name: every process of a run has the place in its command line."""
    before = {file: file.stat().st_size for file in (place / "journal").glob("*.beat")}
    time.sleep(0.5)
    beating = [f"{file.name} still beats" for file, size in before.items() if file.stat().st_size > size]
    listed = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return beating + [f"process {line}" for line in listed.splitlines() if str(place) in line]
