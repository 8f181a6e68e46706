"""Sandboxes that a dead bot left before anything ran in them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.agents.containment import BubblewrapLauncher
from bot.agents.containment.procfs import called
from bot.restart import mark_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_what_bears_the_mark_is_killed_and_nothing_else(tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    mine = subprocess.Popen([mark, "30"], executable="/bin/sleep")
    other = subprocess.Popen([mark_of(tmp_path / "other"), "30"], executable="/bin/sleep")
    try:
        while not called(mark):
            time.sleep(0.001)  # until the program has been executed
        assert BubblewrapLauncher((tmp_path,), mark).clear_unborn() == 1
        assert mine.wait(5) == -9
        assert other.poll() is None
        assert BubblewrapLauncher((tmp_path,), mark).clear_unborn() == 0
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
