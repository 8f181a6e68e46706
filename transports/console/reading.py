"""Lines from a file descriptor of any kind, without blocking the event loop."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import errno
import os
from collections.abc import AsyncIterator

from transports.clean import clean_text

LINE_LIMIT = 64 * 1024 * 1024  # bytes of one line; longer ones are reported and left out
_CHUNK = 256 * 1024  # bytes of one read
_SLICE = 1 << 20  # bytes that are decoded and cleaned before others get a turn
# Closed from the start, its terminal gone, a directory: nothing more will come.
_ENDS = {errno.EBADF, errno.EIO, errno.EISDIR}


class TooLong:
    """Stands for a line over the limit."""


Line = bytes | TooLong


async def lines(fd: int | None, limit: int = LINE_LIMIT) -> AsyncIterator[Line]:
    """Each line without its newline; the last one needs none. Reads on only when asked for more."""
    buffer = LineBuffer(limit)
    async for chunk in _chunks(fd):
        for line in buffer.feed(chunk):
            yield line
    for line in buffer.rest():
        yield line


class LineBuffer:
    """Cuts chunks of bytes into lines, in time linear to their sizes."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0  # bytes of the unfinished line, counted on when its parts are dropped

    def feed(self, chunk: bytes) -> list[Line]:
        *whole, open_end = chunk.split(b"\n")
        found = [self._finish(end) for end in whole]
        self._add(open_end)
        return found

    def rest(self) -> list[Line]:
        return [self._finish(b"")] if self._size else []

    def _finish(self, end: bytes) -> Line:
        self._add(end)
        line: Line = TooLong() if self._size > self._limit else b"".join(self._parts)
        self._parts, self._size = [], 0
        return line

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._parts.clear()
        elif part:
            self._parts.append(part)


async def _chunks(fd: int | None) -> AsyncIterator[bytes]:
    while fd is not None:
        try:
            await _readable(fd)
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:  # whoever started us made it non-blocking, and another reader was faster
            continue
        except OSError as exc:
            if exc.errno not in _ENDS:
                raise
            return
        if not chunk:
            return
        yield chunk


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(fd, _wake, ready)
    except PermissionError:  # epoll takes no regular files and no /dev/null; reading those never waits for anyone
        await asyncio.sleep(0)
        return
    try:
        await ready
    finally:
        with contextlib.suppress(OSError):  # closed under us: nothing is registered any more
            loop.remove_reader(fd)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def cleaned(line: bytes) -> str:
    """`line` as the inbox may hold it; invalid UTF-8 becomes U+FFFD."""
    if len(line) <= _SLICE:
        return clean_text(line.decode("utf-8", "replace"))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    parts: list[str] = []
    for start in range(0, len(line), _SLICE):
        parts.append(clean_text(decoder.decode(line[start : start + _SLICE], final=start + _SLICE >= len(line))))
        await asyncio.sleep(0)  # 60 MB in one go would hold up a stop for a second
    return "".join(parts)


def joined(line: str, before: str | None) -> tuple[str, bool]:
    """`line` appended to what an earlier trailing backslash kept open, and whether it is kept open again.

    An even number of backslashes at the end are backslashes.
    """
    backslashes = len(line) - len(line.rstrip("\\"))
    goes_on = backslashes % 2 == 1
    text = line[:-1] if goes_on else line
    return text if before is None else f"{before}\n{text}", goes_on
