"""Whether projects can be given ports, and still have those that they were given."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.checks.base import Check
from bot.datadir import running_pid
from bot.projects.ports import FIRST, LAST

NAME = "project ports"
SAMPLE = 50  # ports that are tried, spread over the range


def check(data: Path, database: Path | None) -> Check:
    """`database`: the SQLite file; None: the projects are not known here, so only the range is looked at."""
    span = f"{FIRST} to {LAST}"
    if not any(_is_free(port) for port in range(FIRST, LAST + 1, (LAST - FIRST) // SAMPLE)):
        return Check(NAME, False, f"none of {SAMPLE} tried from {span} is free", f"ss -ltnp 'sport >= :{FIRST}'")
    # A bot that runs, or containers that outlived it, hold the ports of their projects.
    lost = [] if running_pid(data) is not None else [port for port in _given(database) if not _is_free(port)]
    held = f"; in use now, by their projects or by others: {', '.join(map(str, lost))}" if lost else ""
    return Check(NAME, True, f"{span} on 127.0.0.1{held}")


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _given(database: Path | None) -> list[int]:
    if database is None or not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            return [row[0] for row in connection.execute("SELECT port FROM projects ORDER BY port")]
    except sqlite3.Error:
        return []  # the check of the database says what is wrong with it
