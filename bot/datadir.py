"""The data directory: ours alone, and used by one bot at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import UserError

LOCK = "lock"
# A lock may be held for an instant by someone who only looks (`running_pid`), so one refusal proves nothing.
ATTEMPTS = 5
PAUSE = 0.03  # seconds between attempts


class DataUnusable(UserError):
    """The data directory {path} cannot be used: {reason}. Correct it, or name another with --data or data_dir."""


class DataExposed(UserError):
    """The data directory {path} is open to other users of this machine (mode {mode}) and is not Tugbot's own. Name another with --data or data_dir, best one that does not exist yet."""  # noqa: E501


class AlreadyRunning(UserError):
    """Another Tugbot{process} is using {path}. Stop it first, or start this one with another --data directory."""


def prepare(path: Path) -> Path:
    """Make sure that `path` exists, is ours alone (0700) and can be written. Raises DataUnusable, DataExposed."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(path)
        with tempfile.TemporaryFile(dir=path):
            pass
        os.listdir(path)
    except OSError as exc:
        raise DataUnusable(path=path, reason=reason(exc)) from exc
    return path


def reason(exc: OSError) -> str:
    """What went wrong, in words and without the path, which the message has already."""
    if isinstance(exc, FileExistsError | NotADirectoryError):
        return "there is a file where a directory must be"
    return (exc.strerror or str(exc)).lower()


def _close_to_others(path: Path) -> None:
    info = path.stat()
    if not info.st_mode & 0o077:
        return
    if not may_be_closed(path):
        raise DataExposed(path=path, mode=f"{stat.S_IMODE(info.st_mode):04o}")
    path.chmod(0o700)


def may_be_closed(path: Path) -> bool:
    """Whether `path` is ours to shut: a directory that others use (/tmp, a home) is not, if someone mistyped --data."""
    info = path.stat()
    names = os.listdir(path)
    ours = not names or LOCK in names
    return ours and info.st_uid == os.geteuid() and not info.st_mode & stat.S_ISVTX


class InstanceLock:
    """Held while a bot uses a data directory. The kernel lets go of it when the process dies, however it dies."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._file: int | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Raises AlreadyRunning with the other's pid, DataUnusable where the file system cannot lock."""
        try:
            file = os.open(self._data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            raise DataUnusable(path=self._data, reason=reason(exc)) from exc
        try:
            self._lock(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _lock(self, file: int) -> None:
        if not _taken(file, self._data):
            pid = _read_pid(file)
            raise AlreadyRunning(path=self._data, process=f" (process {pid})" if pid else "")
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        # The file stays: removing it would let a third bot lock a new one while a second still holds the old.
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _taken(file: int, data: Path) -> bool:
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError as exc:
            raise DataUnusable(path=data, reason=f"its file system cannot lock files ({reason(exc)})") from exc
        return True
    return False


def _read_pid(file: int) -> int | None:
    text = os.pread(file, 32, 0).strip()
    return int(text) if text.isdigit() else None


def running_pid(data: Path) -> int | None:
    """The pid of the bot that uses `data`; 0 if there is one that did not say; None if there is none."""
    try:
        file = os.open(data / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_pid(file) or 0
    finally:
        os.close(file)
    return None
