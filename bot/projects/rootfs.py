"""Debian's root file system as an image of the engine, made where no image registry can be reached."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bot.errors import UserError
from bot.projects.engine import Engine

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
# As in Debian's slim images: what nobody reads in a container.
SLIM = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
)


class ToolMissing(UserError):
    """`mmdebstrap` is not installed: `apt install mmdebstrap`, then try again."""


class RootfsFailed(UserError):
    """mmdebstrap could not make the base: {reason}"""


def command(target: Path, mirror: str = MIRROR, security: str = SECURITY) -> tuple[str, ...]:
    """The three suites are given as lines, so that updates and security fixes are in it."""
    slim = tuple(f"--dpkgopt={option}" for option in SLIM)
    suites = (
        f"deb {mirror} {SUITE} main",
        f"deb {mirror} {SUITE}-updates main",
        f"deb {security} {SUITE}-security main",
    )
    return ("mmdebstrap", "--variant=essential", "--include=apt,ca-certificates", *slim, SUITE, str(target), *suites)


async def make(engine: Engine, tag: str, told: Callable[[str], None]) -> None:
    """Takes about a minute and 80 MB. Raises ToolMissing, RootfsFailed, EngineUnreachable."""
    if shutil.which("mmdebstrap") is None:
        raise ToolMissing
    with tempfile.TemporaryDirectory(prefix="tugbot-base-") as folder:
        target = Path(folder) / "rootfs.tar"
        process = await asyncio.create_subprocess_exec(
            *command(target),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        lines: list[str] = []
        assert process.stderr is not None
        try:
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                lines = [*lines[-5:], text]
                told(text)
            if await process.wait():
                raise RootfsFailed(reason=" ".join(lines)[-500:])
        except BaseException:
            if process.returncode is None:
                process.terminate()  # it unmounts and removes what it made
                await process.wait()
            raise
        told("importing it")
        await engine.import_rootfs(str(target), tag)
