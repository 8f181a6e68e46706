"""Doctor: all checks at once and bounded, the clock, ports, owner and inodes, the ssh names."""

from __future__ import annotations

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot.checks import clock, containment, data, ports, projects
from bot.checks.base import Check
from bot.checks.together import Trial, examined
from bot.projects import sshconfig
from bot.projects.ports import FIRST
from bot.settings import load

GOOD = Check("good", True, "fine")


def test_what_hangs_or_breaks_keeps_nothing_else_from_being_seen() -> None:
    release = threading.Event()

    def hangs() -> list[Check]:
        release.wait(20)
        return []

    def breaks() -> list[Check]:
        raise RuntimeError("oh\n  no")

    def late() -> list[Check]:
        raise TimeoutError

    began = time.monotonic()
    found = examined(
        [
            Trial("a", 0.2, hangs),
            Trial("b", 5, breaks),
            Trial("c", 5, lambda: [GOOD, GOOD]),
            Trial("d", 0.2, hangs),
            Trial("e", 5, late),
        ]
    )
    release.set()
    assert time.monotonic() - began < 3
    assert [(check.name, check.ok) for check in found] == [
        ("a", False), ("b", False), ("good", True), ("good", True), ("d", False), ("e", False),
    ]  # fmt: skip
    assert found[0].detail == "no answer within 0 s"
    assert found[1].detail == "RuntimeError: oh no"
    assert found[-1].detail == "TimeoutError"


# ---------------------------------------------------------------- the clock


class Late(BaseHTTPRequestHandler):
    ahead = 0.0  # seconds
    status = 200

    def do_HEAD(self) -> None:
        self.send_response_only(self.status)
        self.send_header("Date", formatdate(time.time() + self.ahead, usegmt=True))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Late)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.parametrize(("ahead", "ok"), [(0.0, True), (40.0, True), (600.0, False), (-600.0, False)])
@pytest.mark.parametrize("status", [200, 404])
def test_a_networks_clock(server: str, ahead: float, ok: bool, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Late, "ahead", ahead)
    monkeypatch.setattr(Late, "status", status)
    check = clock.check(["http://127.0.0.1:1", server])
    assert (check.ok, bool(check.fix)) == (ok, not ok)
    assert ("ahead of" in check.detail) == (ahead < -100)
    assert ("behind" in check.detail) == (ahead > 100)


@pytest.mark.parametrize("state", [True, False, None])
def test_without_a_network_the_kernel_is_asked(state: bool | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_is_synchronised", lambda: state)
    check = clock.check(["not a url"])
    assert (check.ok, bool(check.fix)) == (True, state is False)


def test_the_kernel_answers_or_says_nothing() -> None:
    assert clock._is_synchronised() in (True, False, None)


# ---------------------------------------------------------------- ports


def test_ports_of_projects_that_something_holds_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.db"
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with closing(sqlite3.connect(file)) as database:
            database.execute("CREATE TABLE projects (port INTEGER)")
            database.execute("INSERT INTO projects VALUES (?)", [port])
            database.commit()
        check = ports.check(tmp_path, file)
        assert check.ok
        assert check.detail.endswith(f"by others: {port}")
    assert str(port) not in ports.check(tmp_path, file).detail
    assert ports.check(tmp_path, tmp_path / "none.db").ok
    assert ports.check(tmp_path, None).detail == f"{FIRST} to 29999 on 127.0.0.1"
    monkeypatch.setattr(ports, "_is_free", lambda port: False)
    assert not ports.check(tmp_path, None).ok


# ---------------------------------------------------------------- data, cgroups, ssh


def test_a_directory_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345678)
    check = data.directory(tmp_path)
    assert not check.ok
    assert "belongs to" in check.detail
    assert check.fix.startswith("sudo chown")


@pytest.mark.parametrize(("files", "left", "ok"), [(0, 0, True), (100_000, 50_000, True), (100_000, 9, False)])
def test_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, left: int, ok: bool) -> None:
    found = os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, files, left, left, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda _path: found)
    check = data.space(tmp_path)
    assert (check.ok, bool(check.fix)) == (ok, not ok)
    assert ("files" in check.detail) == (files > 0)


def test_cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containment, "UNIFIED", tmp_path)
    monkeypatch.setattr("sys.platform", "linux")
    assert containment.cgroups().fix
    (tmp_path / "cgroup.controllers").touch()
    assert containment.cgroups() == Check("cgroups", True, "version 2")


def test_ssh_names_are_missed_only_where_there_are_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = load(None, {}, overrides={"data_dir": tmp_path / "data"})
    generated = tmp_path / "data/ssh/config"
    assert projects._include(settings).ok
    sshconfig.write(generated, ["Host tug-harbour\n    Port 1\n"])
    missed = projects._include(settings)
    assert (missed.ok, missed.fix) == (False, "tugbot ssh setup")
    sshconfig.setup(tmp_path / ".ssh/config", generated)
    assert projects._include(settings).ok
