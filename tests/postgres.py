"""A PostgreSQL server for the tests' own use, on a Unix socket in a temporary directory."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

MISSING = "PostgreSQL's programs were not found: apt-get install postgresql"
START = 30.0  # seconds a server may take to answer


@dataclass(slots=True)
class Postgres:
    """Databases are made from `template`, which the first asker fills."""

    programs: Path
    home: Path
    user: str
    process: subprocess.Popen[bytes] | None = None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{self.user}@/{database}?host={self.home}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(host=str(self.home), user=self.user, dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "template1") -> str:
        name = f"test_{next(self.numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def disconnect(self, database: str) -> None:
        """End every session of a database from the server's side, and wait for that."""
        self.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'")

    def start(self) -> None:
        settings = ["listen_addresses=", f"unix_socket_directories={self.home}", "fsync=off", "max_connections=50"]
        options = [word for setting in settings for word in ("-c", setting)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.as_user(), self.programs / "postgres", "-D", self.home / "data", *options],
                stdout=log,
                stderr=log,
            )
        self._await_answer()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: a fast shutdown. SIGQUIT: no shutdown at all, as after a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(START)
            self.process = None

    def as_user(self) -> list[str]:
        """The server refuses to run as root."""
        return ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if _root() else []

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.home / "log").read_text()
                time.sleep(0.05)
            else:
                return


def _root() -> bool:
    return os.geteuid() == 0


def _user() -> str:
    if not _root():
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    anywhere = shutil.which("initdb")
    return found[-1].parent if found else Path(anywhere).parent if anywhere else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server. Skips without the programs; under CI that is a failure."""
    programs = _programs()
    if programs is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    home = Path(tempfile.mkdtemp(prefix="tugbot-pg-"))
    server = Postgres(programs, home, _user())
    try:
        if _root():
            shutil.chown(home, server.user)
        options = ["-D", str(home / "data"), "-U", server.user, "-A", "trust", "-E", "UTF8", "--no-sync"]
        command = [*server.as_user(), str(programs / "initdb"), *options]
        subprocess.run(command, check=True, capture_output=True, cwd=home)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home)
