"""The three pipes of a contained program."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from typing import IO

from bot.agents.base import LINE_LIMIT

TAIL = 4096  # bytes of stderr that are kept
LAST_WORDS = 0.5  # seconds that output already written may take to be read after everything is dead


class Tail(asyncio.Protocol):
    """Reads for ever, so that the program never blocks on stderr; keeps the end."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def data_received(self, data: bytes) -> None:
        self._kept += data
        del self._kept[:-TAIL]

    @property
    def text(self) -> str:
        return self._kept.decode(errors="replace")


class Ending(asyncio.StreamReaderProtocol):
    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set()


class Pipes:
    """Made by `connect`; `close` must be awaited in the end."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        """`limit`: see Spawn.stdout_limit."""
        self.stdout = asyncio.StreamReader(limit=limit)
        self.tail = Tail()
        self._output = Ending(self.stdout)
        # A reader that nobody feeds: StreamReaderProtocol is the public protocol that knows flow control.
        self._input = Ending(asyncio.StreamReader())
        self._reading: list[asyncio.ReadTransport] = []
        self._stdin: asyncio.StreamWriter | None = None

    @property
    def stdin(self) -> asyncio.StreamWriter:
        assert self._stdin is not None
        return self._stdin

    @classmethod
    async def connect(cls, popen: subprocess.Popen[bytes], limit: int = LINE_LIMIT) -> Pipes:
        pipes, waiting = cls(limit), [popen.stderr, popen.stdout, popen.stdin]
        try:
            await pipes._read(pipes.tail, _taken(waiting))
            await pipes._read(pipes._output, _taken(waiting))
            await pipes._write(_taken(waiting))
        except BaseException:
            pipes.let_go()
            for unused in filter(None, waiting):
                unused.close()
            raise
        return pipes

    async def _read(self, protocol: asyncio.BaseProtocol, pipe: IO[bytes]) -> None:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        self._reading.append(transport)

    async def _write(self, pipe: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_write_pipe(lambda: self._input, pipe)
        self._stdin = asyncio.StreamWriter(transport, self._input, None, loop)

    async def close(self, *, all_dead: bool) -> None:
        """Let go of the pipes. When all writers are dead, what they wrote is taken in first."""
        self._abort_stdin()
        if all_dead:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._output.ended.wait(), LAST_WORDS)
        self.let_go()
        await asyncio.sleep(0)  # transports close their descriptor one turn later

    def _abort_stdin(self) -> None:
        """What is still unsent has no reader any more. A transport on its way out must not be aborted again."""
        if self._stdin is not None:
            transport = self._stdin.transport
            if not transport.is_closing() or transport.get_write_buffer_size():
                transport.abort()

    def let_go(self) -> None:
        self._abort_stdin()
        for transport in self._reading:
            transport.close()


def _taken(waiting: list[IO[bytes] | None]) -> IO[bytes]:
    pipe = waiting.pop(0)
    assert pipe is not None
    return pipe
