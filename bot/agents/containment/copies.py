"""Login files that a sandbox gets as copies of its own: read here, handed over as memory files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.agents.base import LaunchFailed, Spawn

LARGEST = 1_000_000  # bytes; a login is a few thousand


@dataclass(frozen=True, slots=True)
class Copy:
    fd: int
    target: Path  # as the program sees it


@contextmanager
def copies(spawn: Spawn) -> Iterator[tuple[Copy, ...]]:
    """Open for as long as the sandbox is being started. Raises LaunchFailed for a file that is no login."""
    made: list[Copy] = []
    try:
        for file in spawn.private:
            # Where the directory is shown anyway, the original is: a copy would be written over it.
            if file.source.exists() and not _is_shown(file.target, spawn.writable):
                made.append(Copy(_copied(file.source), file.target))  # noqa: PERF401 - to be closed if the next fails
        yield tuple(made)
    finally:
        for copy in made:
            os.close(copy.fd)


def arguments(made: Sequence[Copy]) -> list[str]:
    """As bubblewrap wants it, after everything that makes the directories they lie in."""
    return [word for copy in made for word in ("--perms", "0600", "--file", str(copy.fd), str(copy.target))]


def _is_shown(target: Path, writable: Sequence[Path]) -> bool:
    return any(target.is_relative_to(path) for path in writable)


def _copied(source: Path) -> int:
    try:
        data = _read(source)
    except OSError as exc:
        raise LaunchFailed(agent="sandbox", reason=f"the login {source} cannot be read ({exc.strerror})") from exc
    fd = os.memfd_create("tugbot-login")
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _read(source: Path) -> bytes:
    with open(source, "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST:
            raise LaunchFailed(agent="sandbox", reason=f"the login {source} is not a file of at most 1 MB")
        return file.read(LARGEST)
