"""What is wrong around the program rather than in what it is sent. Complements test_bad_input.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bot_process import BotProcess, environment
from tests.integration.test_bad_input import FAST, agent, fill, lives, refused, small_disk
from tests.integration.test_stop_matrix import NOBODY, ROOT, usable_python

pytestmark = pytest.mark.integration

__all__ = ["small_disk"]  # a fixture

# A Python that is not the tests' own is told where they find everything.
PACKAGES = [path for path in sys.path if path.endswith("site-packages")]
ENVIRONMENT = {
    **environment(Path("/nonexistent")),
    "PYTHONPATH": os.pathsep.join([str(ROOT), *PACKAGES]),
    "PYTHONDONTWRITEBYTECODE": "1",
}


@pytest.fixture
def ordinary() -> dict[str, Any]:
    """Root may enter any directory, so these starts are another user's."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}


@pytest.fixture
def python(ordinary: dict[str, Any]) -> str:
    """One that this user may run and that finds our libraries."""
    found = usable_python(NOBODY) if ordinary else sys.executable
    test = [found or "false", "-c", "import bot.app"]
    if found is None or subprocess.run(test, env=ENVIRONMENT, cwd="/", check=False, **ordinary).returncode != 0:
        pytest.skip("no Python that an ordinary user may run has the libraries")
    return found


def test_a_data_directory_that_may_not_be_entered(tmp_path: Path, ordinary: dict[str, Any], python: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700 if ordinary else 0o000)
    command = [python, "-m", "bot", "run", "--data", str(closed / "data")]
    ended = subprocess.run(
        command, env=ENVIRONMENT, cwd="/", input="", capture_output=True, text=True, timeout=30, check=False, **ordinary
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "permission denied" in ended.stderr
    assert "--data" in ended.stderr


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "lock").touch()
    (tmp_path / "data" / "tugbot.db").write_bytes(b"This is a shopping list.\n" * 400)
    complaint = refused(tmp_path)
    assert "holds something else" in complaint
    assert "move the file away" in complaint


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"event_id": "x", "text": "\xff\xfe"}', "not UTF-8"),
        (b"hello", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"event_id": "x\\u0000", "text": "hello"}', '"event_id"'),
        (b'{"event_id": "x", "session": "../..", "text": "hello"}', '"session"'),
        (b'{"event_id": "x"}', '"text"'),
        (b"y" * 70_000_000, "over 64 MB"),
    ],
    ids=["bytes", "words", "nesting", "nul", "session", "no-text", "70-MB"],
)
def test_a_line_that_is_not_understood(tmp_path: Path, line: bytes, reason: str) -> None:
    with BotProcess(tmp_path, FAST) as bot:
        assert bot.process.stdin
        bot.process.stdin.write(line + b"\n")
        bot.process.stdin.flush()
        assert reason in bot.wait(lambda said: said["type"] == "error")["reason"]
        lives(bot)


def test_what_a_full_disk_refused_is_taken_when_it_comes_again(small_disk: Path) -> None:
    """Also by the books: refused for the disk means not accepted, and sent again means accepted once."""
    with BotProcess(small_disk, agent("cat")) as bot:
        bot.send("before", "1")
        bot.message("before")
        hog = fill(small_disk)
        bot.send("again " + "x" * 20_000, "2")
        assert bot.ack("2")["type"] == "nack"
        hog.unlink()
        bot.said.clear()
        bot.send("again", "2")
        assert bot.ack("2")["status"] == "accepted"
        bot.message("again")
        bot.send("status", "3")
        assert "They balance." in bot.message("Books: 3 messages accepted")["text"]
