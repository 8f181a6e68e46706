"""The standard streams of a container: one socket, on which the engine mixes output and errors.

Framing: docs of the Engine API, "Attach to a container", stream format: one byte of stream (1 output, 2 errors), three
of nothing, four of length, big-endian, then the data.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping

from bot.agents.base import LINE_LIMIT
from bot.agents.containment.pipes import LAST_WORDS, Tail

_HEADER = struct.Struct(">BxxxL")
OUTPUT, ERRORS = 1, 2


class Demultiplexer:
    """Takes pieces as they come, gives (stream, data). Pure."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._stream = 0
        self._left = 0  # bytes of the current frame that are still to come

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self._kept += data
        found: list[tuple[int, bytes]] = []
        while self._kept:
            if not self._left:
                if len(self._kept) < _HEADER.size:
                    break
                self._stream, self._left = _HEADER.unpack_from(self._kept)
                del self._kept[: _HEADER.size]
                continue
            piece = bytes(self._kept[: self._left])
            del self._kept[: len(piece)]
            self._left -= len(piece)
            found.append((self._stream, piece))
        return found


class _Streams(asyncio.StreamReaderProtocol):
    """Feeds the reader of the output; flow control is the reader's own."""

    def __init__(self, stdout: asyncio.StreamReader, tail: Tail) -> None:
        super().__init__(stdout)
        self._stdout = stdout
        self._tail = tail
        self._frames = Demultiplexer()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        for stream, piece in self._frames.feed(data):
            if stream == ERRORS:
                self._tail.data_received(piece)
            else:
                self._stdout.feed_data(piece)

    def eof_received(self) -> bool:
        super().eof_received()
        self.ended.set()
        return True  # what is to be written may still be written

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set()


class _Input(asyncio.WriteTransport):
    """The sending half of the socket: closing it says end of file, and leaves the receiving half alone."""

    def __init__(self, whole: asyncio.WriteTransport) -> None:
        super().__init__()
        self._whole = whole
        self._closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closed:
            self._whole.write(data)

    def is_closing(self) -> bool:
        return self._closed or self._whole.is_closing()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if not self._whole.is_closing():
                self._whole.write_eof()

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.close()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._whole.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return 0 if self._closed else self._whole.get_write_buffer_size()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._whole.get_extra_info(name, default)


class Attached:
    """What `bot.agents.containment.pipes.Pipes` is for a child of our own."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self.stdout = asyncio.StreamReader(limit=limit)
        self.tail = Tail()
        self._streams = _Streams(self.stdout, self.tail)
        self._whole: asyncio.Transport | None = None
        self._stdin: asyncio.StreamWriter | None = None

    @classmethod
    async def connect(cls, connection: socket.socket, limit: int = LINE_LIMIT) -> Attached:
        """Takes the socket over. It is a stream of any family, connected."""
        attached, loop = cls(limit), asyncio.get_running_loop()
        try:
            whole, _ = await loop.create_connection(lambda: attached._streams, sock=connection)
        except BaseException:
            connection.close()
            raise
        attached._whole = whole
        attached._stdin = asyncio.StreamWriter(_Input(whole), attached._streams, None, loop)
        return attached

    @property
    def stdin(self) -> asyncio.StreamWriter:
        assert self._stdin is not None
        return self._stdin

    @property
    def ended(self) -> asyncio.Event:
        """Set when the engine has closed the streams."""
        return self._streams.ended

    async def close(self, *, all_dead: bool) -> None:
        """Let go of the socket. When all writers are dead, what they wrote is taken in first."""
        if all_dead:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._streams.ended.wait(), LAST_WORDS)
        self.let_go()
        await asyncio.sleep(0)  # the transport closes its descriptor one turn later

    def let_go(self) -> None:
        if self._whole is not None:
            self._whole.abort()


def told(argv: tuple[str, ...], env: Mapping[str, str], cwd: str, files: list[tuple[str, int, str]]) -> bytes:
    """What `enter` in the container reads first; see docker/base/lib/enter. Contents are base64."""
    body = json.dumps({"argv": argv, "env": dict(env), "cwd": cwd, "files": files}).encode()
    return f"{len(body)}@".encode() + body
