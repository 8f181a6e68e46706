"""A JSON document that we alone can read: checked when it is read, replaced as a whole when it is written."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from bot.errors import UserError

LOCK = "lock"

# Which version of a file was read. Every write makes a new file, so the inode alone nearly tells them apart.
Mark: TypeAlias = tuple[int, int, int] | None


class Unreadable(UserError):
    """{path} cannot be used: {reason}. {fix}"""


def mark(path: Path) -> Mark:
    """None: there is no such file, or none that we may look at."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size


def read(path: Path) -> object:
    """What the document holds; None: there is none. Raises Unreadable."""
    try:
        with path.open(encoding="utf-8") as file:
            _check(path, os.fstat(file.fileno()))
            return json.load(file)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Unreadable(path=path, reason=exc.strerror, fix="Make the file readable for you.") from exc
    except ValueError:
        raise damaged(path) from None


def damaged(path: Path) -> Unreadable:
    return Unreadable(path=path, reason="the file is damaged", fix="Delete it; what it held has to be made again.")


def _check(path: Path, info: os.stat_result) -> None:
    mode = stat.S_IMODE(info.st_mode)
    if mode & 0o077:
        raise Unreadable(path=path, reason=f"others can read it (mode {mode:04o})", fix=f"Run: chmod 600 '{path}'")


def replace(path: Path, document: object, *, lasting: bool = True) -> None:
    """`lasting`: on the disk when this returns. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # made 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """One change after another, whichever processes make them."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / LOCK, "a", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
