"""Files that people send: fetched into a directory of the bot's own."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from transports.base import PermanentFailure, TemporaryFailure

log = logging.getLogger(__name__)

FETCHING = 20.0  # seconds
NAME = 100  # characters of a file's name that are kept


class Files:
    def __init__(self, place: Path, limit: int) -> None:
        self._place = place
        self._limit = limit  # bytes
        self._deadline: float | None = None  # of the loop's clock

    def begin(self) -> None:
        """Of messages that came together."""
        self._deadline = asyncio.get_running_loop().time() + FETCHING

    async def fetch(self, origin: str, name: str, load: Callable[[int], Awaitable[bytes]]) -> Path | None:
        """Where it lies now; None: it cannot be had, or is too large. Fetched once, however often it is asked for.

        `origin` names the message that brought it, within the account; `load` takes the most bytes that it may have.
        All files of messages that came together share FETCHING seconds: meanwhile nobody is heard. One that cannot be
        had is named to the agent and can be sent again.
        """
        path = self._place / hashlib.sha256(origin.encode()).hexdigest()[:20] / safe_name(name)
        if await asyncio.to_thread(path.exists):
            return path
        try:
            async with asyncio.timeout_at(self._deadline):
                content = await load(self._limit)
        except TimeoutError:
            log.warning("the file of %s takes too long", origin)
            return None
        except (PermanentFailure, TemporaryFailure) as exc:
            log.warning("the file of %s: %s", origin, exc)
            return None
        await asyncio.to_thread(_write, path, content)
        return path


def safe_name(name: str) -> str:
    """A name that stays in its directory, on one line and in sight."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char if char.isprintable() else "_" for char in last).strip().lstrip(". ")
    stem, dot, ending = shown.rpartition(".")
    short = f"{stem[: NAME - len(ending) - 1]}.{ending}" if dot and len(ending) < 20 else shown[:NAME]
    while len(short.encode()) > 200:  # what file systems take is bytes
        short = short[1:]
    return short.strip().lstrip(". ") or "file"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(".part")
    part.write_bytes(content)
    os.replace(part, path)
