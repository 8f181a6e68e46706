"""Nothing of a run survives, and nothing of the bot is seen: both launchers, as root and as an ordinary user.

Judged from outside, by the heartbeat and by a search of the process table, never by the launcher's own word alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import victims

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
NOBODY = 65534
SECRET = "the-bots-own-secret"


@dataclass(frozen=True)
class Bot:
    """How a bot of this user is started, and where."""

    launcher: str
    python: str
    tree: Path
    place: Path
    uid: int

    @property
    def heartbeat(self) -> Path:
        return self.place / "data" / "cwd" / "beat"

    def start(self, task: str, argument: str = "", *, launcher: str = "") -> subprocess.Popen[str]:
        words = ["-W", "error", "-m", "tests.integration.stop_matrix_bot", task, launcher or self.launcher]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.place / "home"), "BOT_SECRET": SECRET}
        user: dict[str, Any] = {"user": self.uid, "group": self.uid, "extra_groups": []} if os.getuid() == 0 else {}
        return subprocess.Popen(
            [self.python, *words, str(self.place), argument],
            cwd=self.tree,
            env={**env, "PYTHONPATH": str(self.tree), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **user,
        )

    def run(self, task: str, argument: str = "", *, launcher: str = "") -> dict[str, Any]:
        with self.start(task, argument, launcher=launcher) as bot:
            out, err = bot.communicate(timeout=30)
        assert err == ""
        answer: dict[str, Any] = json.loads(out)
        return answer

    def members(self) -> list[int]:
        """Every process that was started with this heartbeat's name; a zombie has no command line."""
        return [pid for pid, line in command_lines() if os.fsencode(self.heartbeat) in line and b"victims" in line]


def command_lines() -> list[tuple[int, bytes]]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines.append((int(path.parent.name), path.read_bytes()))
    return lines


def usable_python(uid: int) -> str | None:
    """A Python that this user may execute: the tests' own may lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            check = [python, "-c", "import sys, ctypes; sys.exit(sys.version_info < (3, 11))"]
            if subprocess.run(check, user=uid, group=uid, extra_groups=[], cwd="/", check=False).returncode == 0:
                return python
    return None


def copied_tree(place: Path) -> Path:
    """Only what the bot of these tests needs: an ordinary user may not read the checkout."""
    keep = ("bot/__init__.py", "bot/errors.py", "bot/agents/__init__.py", "bot/agents/base.py", "tests/__init__.py")
    more = ("tests/victims.py", "tests/integration/__init__.py", "tests/integration/stop_matrix_bot.py")
    for name in (*keep, *more):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, place / name)
    shutil.copytree(
        ROOT / "bot/agents/containment", place / "bot/agents/containment", ignore=shutil.ignore_patterns("__pycache__")
    )
    return place


@pytest.fixture(params=["root", "ordinary"])
def uid(request: pytest.FixtureRequest) -> int:
    if request.param == "ordinary":
        return NOBODY if os.getuid() == 0 else os.getuid()
    if os.getuid() != 0:
        pytest.skip("only root can run a bot as root")
    return 0


@pytest.fixture
def sandbox_place(uid: int) -> Iterator[Path]:
    """Below /tmp, where everything is hidden by default: what is shown is shown by name."""
    with tempfile.TemporaryDirectory(prefix="tugbot-matrix-") as name:
        place = Path(name)
        for directory in ("data/cwd", "home/.ssh", "shown/inner", "tree"):
            (place / directory).mkdir(parents=True)
        (place / "data" / "secret").write_text("data\n")
        (place / "home" / ".ssh" / "id_rsa").write_text("key\n")
        (place / "shown" / "inner" / "to-data").symlink_to(place / "data")
        (place / "link").symlink_to("shown/inner")
        copied_tree(place / "tree")
        for path in (place, *place.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        yield place


@pytest.fixture(params=["bubblewrap", "supervisor"])
def bot(request: pytest.FixtureRequest, uid: int, sandbox_place: Path) -> Bot:
    python = usable_python(uid) if os.getuid() == 0 else sys.executable
    if python is None:
        unavailable("install a Python of 3.11 or newer that every user may run")
    assert python is not None
    made = Bot(request.param, python, sandbox_place / "tree", sandbox_place, uid)
    answer = made.run("works")
    if not answer["works"]:
        unavailable(f"{answer['detail']}. {answer['install_hint']}")
    return made


def unavailable(why: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def assert_silent(bot: Bot) -> None:
    """A hopper needs no more than a few milliseconds to show itself."""
    before = bot.heartbeat.stat().st_size
    time.sleep(0.15)
    assert bot.members() == []
    assert bot.heartbeat.stat().st_size == before


@pytest.mark.parametrize("kind", victims.MATRIX)
def test_stop_ends_every_kind_of_victim(bot: Bot, kind: str) -> None:
    report = bot.run("stop", kind)
    assert report["verified"], report
    assert report["found"] >= 1
    assert report["method"] == bot.launcher
    assert report["children"] == 0  # no zombie left behind
    assert_silent(bot)


@pytest.mark.parametrize("kind", ["daemon", "rehopper", "leader"])
def test_nothing_outlives_a_bot_that_was_killed(bot: Bot, kind: str) -> None:
    with bot.start("hold", kind) as held:
        assert held.stdout is not None
        assert json.loads(held.stdout.readline())["pid"] > 0
        assert bot.members() or kind == "rehopper"  # the search can find what it will look for
        held.kill()
        held.communicate(timeout=10)
    deadline = time.monotonic() + 5
    while bot.members() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert_silent(bot)


SANDBOX = pytest.mark.parametrize("bot", ["bubblewrap"], indirect=True)
SUPERVISOR = pytest.mark.parametrize("bot", ["supervisor"], indirect=True)  # a sandbox's init is out of reach


@SUPERVISOR
def test_a_frozen_supervisor_is_woken_and_kills(bot: Bot) -> None:
    report = bot.run("freeze")
    assert report["verified"], report
    assert_silent(bot)


@SUPERVISOR
@pytest.mark.parametrize("reaper", ["subreaper", "none"])
def test_a_lost_supervisor_is_made_good_or_admitted(bot: Bot, reaper: str) -> None:
    report = bot.run("lose", reaper)
    assert report["code"] == -signal.SIGKILL
    assert report["adopted"] == []
    assert report["verified"] is (reaper == "subreaper")
    assert "killed from outside" in report["note"]
    if reaper == "subreaper":
        assert report["found"] >= 1
        assert_silent(bot)
    for pid in bot.members():
        os.kill(pid, signal.SIGKILL)


LOOK = f"""
import glob, json, os, pathlib, sys
place = pathlib.Path(sys.argv[1])
def reads(path):
    try: return pathlib.Path(path).read_bytes().decode(errors="replace")
    except OSError: return None
def opens(path, flags):
    try: os.close(os.open(path, flags, 0o600))
    except OSError: return False
    return True
wide = os.O_WRONLY | os.O_CREAT
print(json.dumps({{
    "data": reads(place / "data/secret"),
    "data by link": reads(place / "shown/inner/to-data/secret"),
    "ssh key": reads(place / "home/.ssh/id_rsa"),
    "home": os.listdir(os.environ["HOME"]) if os.path.isdir(os.environ["HOME"]) else [],
    "bot's environment": any({SECRET!r} in (reads(name) or "") for name in glob.glob("/proc/*/environ")),
    "hidden paths in argv": any("--" + "tmpfs" in (reads(name) or "") for name in glob.glob("/proc/*/cmdline")),
    "shadow": reads("/etc/shadow") is not None,
    "run": [name for name in glob.glob("/run/**", recursive=True) if os.path.exists(name) and not os.path.isdir(name)],
    "kernel": opens("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "disks": glob.glob("/dev/vd*") + glob.glob("/dev/sd*"),
    "system written": [d for d in ("/etc", "/usr", "/usr/bin", "/var", "/") if opens(d + "/tugbot-test-mark", wide)],
    "cwd written": opens("mark", wide) and os.getcwd(),
    "shown written": opens(str(place / "shown/mark"), wide),
    "link": os.path.islink(place / "link") and opens(str(place / "link/mark"), wide),
    "resolver": bool(reads("/etc/resolv.conf")) or not os.path.lexists("/etc/resolv.conf"),
    "capabilities": [line.split()[1] for line in reads("/proc/self/status").splitlines() if line.startswith("CapEff")],
    "processes": len(glob.glob("/proc/[0-9]*")),
}}))
"""


@SANDBOX
def test_the_sandbox_shows_what_it_should_and_nothing_else(bot: Bot) -> None:
    answer = bot.run("look", LOOK)
    seen = answer["seen"]
    assert seen is not None, answer["stderr"]
    assert (seen["data"], seen["data by link"], seen["ssh key"], seen["home"]) == (None, None, None, [])
    assert not seen["bot's environment"]
    assert not seen["hidden paths in argv"]
    assert not seen["shadow"]
    assert [name for name in seen["run"] if not name.endswith("resolv.conf")] == []
    assert not seen["kernel"]
    assert seen["disks"] == []
    assert seen["system written"] == []
    assert seen["cwd written"] == str(bot.place / "data" / "cwd")
    assert (bot.place / "data" / "cwd" / "mark").exists()
    assert seen["shown written"]
    assert seen["link"]
    assert (bot.place / "shown" / "inner" / "mark").exists()
    assert seen["resolver"]
    assert seen["capabilities"] == ["0000000000000000"]
    assert seen["processes"] == 2


@SUPERVISOR
def test_the_same_look_without_a_sandbox_sees_it_all(bot: Bot) -> None:
    """Or the test above could not fail. Only reads: outside, root would write to the real system."""
    harmless = LOOK.replace("os.close(os.open(path, flags, 0o600))", "pass")
    seen = bot.run("look", harmless)["seen"]
    assert (seen["data"], seen["data by link"], seen["ssh key"]) == ("data\n", "data\n", "key\n")
    assert seen["bot's environment"]
    assert seen["shadow"] is (bot.uid == 0)
