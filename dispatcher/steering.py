"""Text for a turn that runs: recorded as the run's own, then handed over, given back where nobody heard it.

In this order, a crash at any instant reports the text with its run and never gives it to an agent a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from dispatcher.execution import Insist, fitting, give_back
from dispatcher.lane import Lane, Running
from dispatcher.model import Batch, Binding, Handler, Ledger, Limits, Observer, StoreUnavailable

# Seconds until a turn that takes no text yet (its agent is starting) is asked again.
ASK_AGAIN = 1.0
# Seconds that an answer may still take after the turn has ended; then it is not known whether the text was heard.
LAST_WORD = 5.0


class Steering:
    """One at a time per run: `Running.steering` is the task that performs it."""

    def __init__(
        self,
        ledger: Ledger,
        handler: Handler,
        observer: Observer,
        insist: Insist,
        limits: Limits,
        group: asyncio.TaskGroup,
    ) -> None:
        self._ledger = ledger
        self._handler = handler
        self._observer = observer
        self._insist = insist
        self._limits = limits
        self._group = group
        self._loop = asyncio.get_running_loop()

    def binding(self, lane: Lane) -> Binding | None:
        """The binding of the running turn if it takes further text now. Says so, once, where it never will.

        Otherwise the lane is woken when that may change, or comes back by itself at `ask_at`.
        """
        run = lane.run
        if run is None or run.batch is None or run.steering is not None or not _goes_on(run):
            return None
        takes = None if run.deaf else self._handler.can_steer(run.batch.run)
        if takes is None:
            self._never(lane, run, run.batch.binding)
        elif not takes:
            lane.ask_at = self._loop.time() + ASK_AGAIN
        return run.batch.binding if takes else None

    async def perform(self, lane: Lane, run: Running, ids: Sequence[int]) -> None:
        assert run.batch is not None
        try:
            rows = await self._ledger.join(run.batch.run, lane.session, ids)
        except StoreUnavailable:
            # A database that was lost while it answered may have done it all the same.
            await give_back(self._ledger, self._insist, run, run.batch, ids)
            return
        if len(fit := fitting(rows, self._limits)) < len(rows):  # an edit came before them
            over = [row.id for row in rows[len(fit) :]]
            rows = fit if await give_back(self._ledger, self._insist, run, run.batch, over) else rows
        if not rows:
            return
        # Nothing is awaited between this test and the hand-over, so no stop can fall in between.
        heard = await self._hand_over(run, Batch(run.batch.run, rows)) if _goes_on(run) else False
        ids = [row.id for row in rows]
        if heard is False and await give_back(self._ledger, self._insist, run, run.batch, ids):
            run.deaf = True  # the turn is over, or it would be asked again at once, and again
            return
        run.batch = replace(run.batch, rows=run.batch.rows + rows)
        run.doubtful = run.doubtful or not heard
        lane.forget(rows[-1].id)

    async def _hand_over(self, run: Running, further: Batch) -> bool | None:
        """Whether the agent heard it; None where that is not known. Ends at once with the run's signal."""
        assert run.handler is not None
        telling = self._group.create_task(self._tell(run, further), name=f"steer {further.run}")
        ending = self._group.create_task(run.signal.wait(), name=f"end of steer {further.run}")
        try:
            await asyncio.wait({telling, ending, run.handler}, return_when=asyncio.FIRST_COMPLETED)
            if not telling.done() and run.signal.reason is None:
                await asyncio.wait({telling, ending}, timeout=LAST_WORD, return_when=asyncio.FIRST_COMPLETED)
            return telling.result() if telling.done() and not telling.cancelled() else None
        finally:
            telling.cancel()
            ending.cancel()

    async def _tell(self, run: Running, further: Batch) -> bool | None:
        if run.signal.reason is not None:  # set since this task was made
            return False
        try:
            return await self._handler.steer(further)
        except Exception:  # raised in a task of the group, it would end every other session's work
            return None

    def _never(self, lane: Lane, run: Running, binding: Binding) -> None:
        if not run.deaf and lane.rows and lane.rows[0].binding == binding:
            run.deaf = True
            self._observer.unsteerable(lane.session, lane.rows[-1].target)


def _goes_on(run: Running) -> bool:
    """Whether there is a turn that may be spoken to."""
    return run.handler is not None and not run.handler.done() and run.signal.reason is None
