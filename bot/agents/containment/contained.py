"""What the kinds of contained process share: pipes, a name, and kills one at a time."""

from __future__ import annotations

import abc
import asyncio
from typing import Protocol

from bot.agents.base import Identity, KillReport
from bot.agents.containment.pipes import Tail


class Streams(Protocol):
    """Where a contained program's standard streams come out here."""

    @property
    def stdin(self) -> asyncio.StreamWriter: ...

    @property
    def stdout(self) -> asyncio.StreamReader: ...

    @property
    def tail(self) -> Tail: ...

    async def close(self, *, all_dead: bool) -> None: ...


class Contained(abc.ABC):
    """base.Process without the parts that know how to wait and kill."""

    def __init__(self, pipes: Streams, identity: Identity) -> None:
        self._pipes = pipes
        self._identity = identity
        self._report: KillReport | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def stdin(self) -> asyncio.StreamWriter:
        return self._pipes.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        return self._pipes.stdout

    @property
    def stderr_tail(self) -> str:
        return self._pipes.tail.text

    @property
    def identity(self) -> Identity:
        return self._identity

    async def kill(self) -> KillReport:
        """The first verified report is kept; what could not be proven is tried again."""
        async with self._one_at_a_time:
            if self._report is None or not self._is_final(self._report):
                self._report = await self._kill()
            await self._pipes.close(all_dead=not self._report.survivors)  # again, if that was cancelled before
            return self._report

    def _is_final(self, report: KillReport) -> bool:
        return report.verified

    @abc.abstractmethod
    async def _kill(self) -> KillReport: ...
