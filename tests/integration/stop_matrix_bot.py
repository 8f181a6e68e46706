"""A bot reduced to its containment, run by test_stop_matrix.py as root and as an ordinary user.

`python -m tests.integration.stop_matrix_bot <task> <launcher> <place> [<argument>]`; prints one JSON line. Standard
library and containment only, so that it also runs with the system's Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.agents.base import Launcher, Process, Spawn
from bot.agents.containment import (
    BubblewrapLauncher,
    SupervisedLauncher,
    become_subreaper,
    probe,
    procfs,
    program_paths,
    subreaper,
)
from tests import victims

VICTIMS = Path(victims.__file__)
PATH = "/usr/local/bin:/usr/bin:/bin"


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def launcher_of(name: str, place: Path) -> Launcher:
    return BubblewrapLauncher((place / "data",)) if name == "bubblewrap" else SupervisedLauncher()


async def started(launcher: Launcher, place: Path, *argv: str, **more: Any) -> Process:
    readable = (*program_paths([sys.executable], PATH, Path.home()), VICTIMS)
    env = {"PATH": PATH, "HOME": os.environ["HOME"]}
    return await launcher.spawn(Spawn((sys.executable, *argv), env, place / "data" / "cwd", readable=readable, **more))


async def victim(launcher: Launcher, place: Path, kind: str) -> Process:
    """Started, and seen to be alive."""
    heartbeat = place / "data" / "cwd" / "beat"
    process = await started(launcher, place, str(VICTIMS), kind, str(heartbeat))
    await process.stdout.readline()
    async with asyncio.timeout(5):
        while not _beating(heartbeat):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    return process


def _beating(heartbeat: Path) -> bool:
    return heartbeat.exists() and heartbeat.stat().st_size > 10


async def works(launcher: Launcher, place: Path, _: str) -> None:
    say(**asdict(await probe(launcher)))


async def stop(launcher: Launcher, place: Path, kind: str) -> None:
    process = await victim(launcher, place, kind)
    report = await process.kill()
    say(**asdict(report), children=len(procfs.children(os.getpid())))


async def hold(launcher: Launcher, place: Path, kind: str) -> None:
    """Waits to be killed."""
    process = await victim(launcher, place, kind)
    say(**asdict(process.identity))
    await asyncio.sleep(victims.LIFE)


async def look(launcher: Launcher, place: Path, script: str) -> None:
    """Runs a script that tells what it can see; everything around data is asked for, and a link into it."""
    process = await started(launcher, place, "-c", script, str(place), writable=(place / "shown", place / "link"))
    seen = await process.stdout.read()
    await process.kill()
    say(seen=json.loads(seen or b"null"), stderr=process.stderr_tail)


async def lose(launcher: Launcher, place: Path, reaper: str) -> None:
    """The run kills its own supervisor."""
    if reaper == "subreaper":
        become_subreaper()
    process = await victim(launcher, place, "daemon")
    os.kill(process.identity.pid, 9)
    code = await process.wait()
    say(**asdict(await process.kill()), code=code, adopted=subreaper.adopted())


async def freeze(launcher: Launcher, place: Path, _: str) -> None:
    """The run stops its own supervisor."""
    process = await victim(launcher, place, "daemon")
    os.kill(process.identity.pid, 19)
    say(**asdict(await process.kill()))


Task = Callable[[Launcher, Path, str], Coroutine[Any, Any, None]]
TASKS: dict[str, Task] = {task.__name__: task for task in (works, stop, hold, look, lose, freeze)}

if __name__ == "__main__":
    task, name, place, *argument = sys.argv[1:]
    asyncio.run(TASKS[task](launcher_of(name, Path(place)), Path(place), *(argument or [""])))
