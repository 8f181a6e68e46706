"""The ledger with listeners: delivery hears of new notices, the exit code of failed runs, the journal of each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.journal import Journal
from dispatcher.model import Batch, Ledger, Outcome, Queue, Row, RunState

FAILURES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.FAILED_TO_KILL})


class Announcing:
    """dispatcher.model.Ledger around another."""

    def __init__(self, ledger: Ledger, announce: Callable[[], None], journal: Journal) -> None:
        self._ledger = ledger
        self._announce = announce
        self._journal = journal
        self.failures = 0  # runs that failed since this start

    def failed(self) -> None:
        """A run that is no turn failed."""
        self.failures += 1

    async def queue(self, session: str, *, above: int, limit: int) -> Queue:
        return await self._ledger.queue(session, above=above, limit=limit)

    async def waiting_sessions(self) -> Sequence[str]:
        return await self._ledger.waiting_sessions()

    async def claim(self, session: str, ids: Sequence[int]) -> Batch | None:
        batch = await self._ledger.claim(session, ids)
        if batch is not None:
            self._journal.claimed(batch)
        return batch

    async def join(self, run: int, session: str, ids: Sequence[int]) -> tuple[Row, ...]:
        return await self._ledger.join(run, session, ids)

    async def give_back(self, run: int, ids: Sequence[int]) -> int:
        return await self._ledger.give_back(run, ids)

    async def finish(self, batch: Batch, outcome: Outcome) -> None:
        await self._ledger.finish(batch, outcome)
        self._journal.ended(batch.run, outcome)
        self.failures += outcome.state in FAILURES
        self._announce()

    async def discard(self, session: str, upto: int) -> int:
        return await self._ledger.discard(session, upto)
