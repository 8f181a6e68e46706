"""Files that callers send, on the disk until a message takes them along. Whole or not at all, each caller's apart."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.access.model import Account
from bot.projects.thorough import in_thread
from transports.files import safe_name

AT_ONCE = 4  # files of one caller that may be coming
SPARE = 200_000_000  # bytes that are left to the rest of the bot: its database is on the same disk
PART = ".part"  # no name that safe_name gives
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


class TooMany(Exception):
    """As many files of this caller are coming as may."""


class Full(Exception):
    """The disk has no room for it."""


class Unwritable(Exception):
    """The disk does not take it, for another reason."""


@dataclass(frozen=True, slots=True)
class Upload:
    id: str  # 128 random bits; its sender alone can name it
    name: str
    size: int  # bytes


def _free(place: Path) -> int:
    return shutil.disk_usage(place).free


class Uploads:
    """<place>/<hash of the account>/<id>/<name>. What is older than bot.runs.attachments.KEPT goes at a start."""

    def __init__(self, place: Path, most: int, free: Callable[[Path], int] = _free) -> None:
        """`most`: bytes of one file."""
        self.most = most
        self._place = place
        self._free = free
        self._coming: Counter[str] = Counter()

    async def keep(self, account: Account, name: str, pieces: AsyncIterator[bytes], announced: int | None) -> Upload:
        """Raises TooMany, Full, Unwritable, and what `pieces` raises. `announced`: bytes, where it is known."""
        who = str(account)
        if self._coming[who] >= AT_ONCE:
            raise TooMany
        self._coming[who] += 1
        try:
            return await self._kept(account, safe_name(name), pieces, self.most if announced is None else announced)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Full from exc
            raise Unwritable(exc.strerror or str(exc)) from exc
        finally:
            self._coming[who] -= 1
            if not self._coming[who]:
                del self._coming[who]

    async def find(self, account: Account, number: str) -> Path | None:
        """A file that this caller sent; None: there is none, or not any more."""
        return await in_thread(_only, self._folder(account, number)) if _ID.fullmatch(number) else None

    async def sweep(self) -> None:
        """Remove what a crash has left half-way."""
        await in_thread(_sweep, self._place)

    async def _kept(self, account: Account, name: str, pieces: AsyncIterator[bytes], expected: int) -> Upload:
        number = secrets.token_hex(16)
        folder = self._folder(account, number)
        folder.mkdir(mode=0o700, parents=True)
        try:
            if self._free(folder) - expected < SPARE:
                raise Full
            with _opened(folder / PART) as part:
                size = 0
                async for piece in pieces:
                    await in_thread(part.write, piece)
                    size += len(piece)
            os.replace(folder / PART, folder / name)
        except BaseException:
            _discard(folder)
            raise
        return Upload(number, name, size)

    def _folder(self, account: Account, number: str) -> Path:
        return self._place / hashlib.sha256(str(account).encode()).hexdigest()[:32] / number


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _discard(folder: Path) -> None:
    (folder / PART).unlink(missing_ok=True)
    folder.rmdir()


def _only(folder: Path) -> Path | None:
    try:
        names = [name for name in os.listdir(folder) if name != PART]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return folder / names[0] if names else None


def _sweep(place: Path) -> None:
    for part in place.glob(f"*/*/{PART}"):
        _discard(part.parent)
