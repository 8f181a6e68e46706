"""Stops under way: watermarks in memory first, then on disk; runs until their verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from dispatcher.execution import Insist
from dispatcher.lane import Running
from dispatcher.model import Ended, Ledger, Limits, Stopped

# Seconds that a receipt waits for the discard to be on disk; until it is, the watermark in memory protects.
DISCARD_PATIENCE = 2.0


class Stops:
    def __init__(
        self,
        ledger: Ledger,
        insist: Insist,
        limits: Limits,
        spawn: Callable[[Coroutine[Any, Any, int], str], asyncio.Task[int]],
        discarded: Callable[[str, int], None],  # session and watermark, once the discard is on disk
    ) -> None:
        self._ledger = ledger
        self._insist = insist
        self._deadline = limits.stop_deadline
        self._spawn = spawn
        self._discarded = discarded
        # Rows at or below are never claimed; kept until their discard is on disk.
        self._marks: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()

    def mark(self, session: str, upto: int) -> None:
        self._marks[session] = upto

    def above(self, session: str) -> int:
        """Only rows with a greater id may be worked on."""
        return self._marks.get(session, 0)

    async def perform(self, session: str, mark: int, run: Running | None) -> Stopped:
        """Discard what waits up to `mark` and see `run`, which was signalled, to its verdict."""
        discard = self._spawn(self._discard(session, mark), f"discard {session}")
        ended, unfinished = await self.verdict(run)
        await asyncio.wait({discard}, timeout=DISCARD_PATIENCE)
        discarded = discard.result() if discard.done() and not discard.cancelled() else 0
        return Stopped(session, ended, discarded, unfinished)

    async def verdict(self, run: Running | None) -> tuple[tuple[Ended, ...], tuple[int, ...]]:
        """How a signalled run ended, or its id if it does not end within the deadline, cancellation included."""
        if run is None:
            return (), ()
        if not await self._judged(run) and run.handler is not None:
            run.handler.cancel("stop deadline")
            await self._judged(run)
        if run.batch is None:
            return (), ()
        if run.outcome is None:
            return (), (run.batch.run,)
        return (Ended(run.batch.run, self._loop.time() - run.since, run.outcome),), ()

    async def _judged(self, run: Running) -> bool:
        try:
            async with asyncio.timeout(self._deadline):
                await run.judged.wait()
        except TimeoutError:
            return False
        return True

    async def _discard(self, session: str, mark: int) -> int:
        discarded = await self._insist(partial(self._ledger.discard, session, mark), session)
        # Puts and the discard share one order, so nothing at or below the mark can still come to wait.
        if self._marks.get(session) == mark:
            del self._marks[session]
        self._discarded(session, mark)
        return discarded
