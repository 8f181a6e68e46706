"""From the kill to the proof that nothing lives, for both containments, beside a bare kill -9 of one process."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.table import Figure
from bot.agents.base import Launcher, Spawn
from bot.agents.containment import BubblewrapLauncher, SupervisedLauncher, become_subreaper

TRIES = 15
DAEMONS = "for i in 1 2 3; do setsid sleep 30 & done; echo up; exec sleep 30"


def measure() -> list[Figure]:
    become_subreaper()
    bare = statistics.median(_bare() for _ in range(TRIES)) * 1000
    figures = []
    for launcher in (BubblewrapLauncher(()), SupervisedLauncher()):
        times = asyncio.run(_stops(launcher))
        what = f"stop to verified dead, {launcher.name}, 4 processes"
        figures.append(Figure(what, statistics.median(times) * 1000, "ms", bare, "kill -9 and wait, 1 process"))
    return figures


def _bare() -> float:
    process = subprocess.Popen(["sleep", "30"])
    time.sleep(0.01)
    begun = time.perf_counter()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return time.perf_counter() - begun


async def _stops(launcher: Launcher) -> list[float]:
    with tempfile.TemporaryDirectory() as place:
        return [await _stop(launcher, Path(place)) for _ in range(TRIES)]


async def _stop(launcher: Launcher, place: Path) -> float:
    process = await launcher.spawn(Spawn(("sh", "-c", DAEMONS), {"PATH": os.environ["PATH"]}, place))
    await process.stdout.readline()
    begun = time.perf_counter()
    report = await process.kill()
    seconds = time.perf_counter() - begun
    assert report.verified
    return seconds
