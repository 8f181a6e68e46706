"""A secret planted with the bot is nowhere an agent can look: the real program, as root and as an ordinary user.

The agent searches like an attacker would: its own and everybody's environment, the command lines, and every file it
can open below the places where the secret lies, by path and through /proc/<pid>/root.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.bot_process import BotProcess
from tests.ordinary_user import python_for

pytestmark = pytest.mark.integration

NOBODY = 65534
PLANTED = "PLANTED-a51c7e-IN-"  # the rest says where
GIVEN = "GIVEN-77aa01"

SEARCH = """
import glob, os, sys
WANTED, GIVEN = b"PLANTED-" + b"a51c7e", b"GIVEN-" + b"77aa01"
found, looked = set(), 0
def look(path, wanted=WANTED):
    global looked
    try:
        with open(path, "rb") as file:
            data = file.read(4_000_000)
    except OSError:
        return False
    looked += 1
    for part in data.split(wanted)[1:]:
        found.add(path + ": " + part[:12].decode("ascii", "replace"))
    return True
for name in ("environ", "cmdline", "mounts"):
    for path in glob.glob("/proc/[0-9]*/" + name) + glob.glob("/proc/[0-9]*/task/*/" + name):
        look(path)
places = sys.argv[1:]
places += [root + place for root in glob.glob("/proc/[0-9]*/root") for place in sys.argv[1:]]
for place in places:
    for folder, _, files in os.walk(place):
        for file in files:
            look(os.path.join(folder, file))
for link in glob.glob("/proc/[0-9]*/fd/*"):
    if os.path.isfile(link):
        look(link)
print("looked at", looked > 3, "given", os.environ.get("GIVEN_KEY", "")[::-1], "found", sorted(found))
"""


@dataclass
class Place:
    uid: int
    home: Path
    config: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(params=["root", "ordinary"])
def uid(request: pytest.FixtureRequest) -> int:
    if request.param == "root":
        if os.getuid() != 0:
            pytest.skip("only root can run a bot as root")
        return 0
    return NOBODY if os.getuid() == 0 else os.getuid()


@pytest.fixture
def place(uid: int) -> Iterator[Path]:
    """Readable by that user, and not below /tmp's own hiding places."""
    folder = Path(tempfile.mkdtemp(prefix="tugbot-planted-", dir="/var/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plant(place: Path, uid: int) -> None:
    data = place / "data"
    (data / "secrets").mkdir(parents=True, mode=0o700)
    (data / "secrets" / "bot.json").write_text(json.dumps({"OTHER_KEY": PLANTED + "secrets", "GIVEN_KEY": GIVEN}))
    (data / "planted.txt").write_text(PLANTED + "data")
    home = place / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text(PLANTED + "home")
    (home / ".visible").mkdir()
    (home / ".visible" / "fine.txt").write_text("shown on purpose")
    for top in (data, home):
        for path in [top, *top.rglob("*")]:
            os.chown(path, uid, uid)
            path.chmod(0o700 if path.is_dir() else 0o600)
    os.chown(place, uid, uid)


def config(place: Path) -> str:
    search = [sys.executable if os.access("/root", os.X_OK) and os.getuid() != 0 else "/usr/bin/python3", "-I", "-S"]
    command = json.dumps([*search, "-c", SEARCH, str(place / "data"), str(place / "home")])
    return (
        'default_agent = "thief"\n[dispatcher]\nwindow = 0.05\n'
        f'[agents.thief]\nbackend = "command"\ncommand = {command}\nenv = ["GIVEN_KEY"]\npaths = ["~/.visible"]\n'
    )


def test_a_planted_secret_cannot_be_read_from_an_agents_process_tree(place: Path, uid: int) -> None:
    python, env = python_for(uid, place)
    plant(place, uid)
    (place / "bot.toml").touch()
    os.chown(place / "bot.toml", uid, uid)
    command = (python, "-m", "bot", "run")
    env |= {"HOME": str(place / "home"), "ANTHROPIC_API_KEY": PLANTED + "env"}
    with BotProcess(place, config(place), env=env, command=command, uid=uid) as bot:
        bot.send(f"remember {PLANTED}database", "1")
        said = bot.message("looked at", patience=90)["text"]
        assert bot.finish() == 0
    assert PLANTED + "database" in stored(place / "data" / "tugbot.db")
    assert f"looked at True given {GIVEN[::-1]} found []" in said  # as it is, it would not be shown


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    plant(tmp_path, os.getuid())
    command = ["/usr/bin/python3", "-I", "-S", "-c", SEARCH, str(tmp_path / "data"), str(tmp_path / "home")]
    env = {"PATH": os.environ["PATH"], "X": PLANTED + "env"}
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=90).stdout
    for where in ("-IN-secrets", "-IN-data", "-IN-home", "-IN-env"):
        assert where in said


def stored(database: Path) -> str:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows: list[Any] = connection.execute("SELECT text FROM messages").fetchall()
    return " ".join(row[0] for row in rows)
