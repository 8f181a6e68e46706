"""One run through its steps: claim the rows, hand them to the handler, record what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from dispatcher.lane import Running, size
from dispatcher.model import (
    Batch,
    Handler,
    Ledger,
    Limits,
    Notice,
    Observer,
    Outcome,
    Row,
    RunState,
    StoreUnavailable,
)

T = TypeVar("T")


class Insist:
    """Repeats a write until the store takes it, and has the trouble told once per episode."""

    def __init__(self, observer: Observer, delay: float) -> None:
        self._observer = observer
        self._delay = delay
        self._troubled = False

    async def __call__(self, write: Callable[[], Awaitable[T]], session: str) -> T:
        while True:
            try:
                result = await write()
            except StoreUnavailable as exc:
                self.tell(session, str(exc))
                await asyncio.sleep(self._delay)
            else:
                self._troubled = False
                return result

    def tell(self, session: str, why: str) -> None:
        if not self._troubled:
            self._troubled = True
            self._observer.trouble(session, f"The store cannot be written ({why}). Nothing is lost; I keep trying.")


class Execution:
    def __init__(
        self, ledger: Ledger, handler: Handler, insist: Insist, limits: Limits, group: asyncio.TaskGroup
    ) -> None:
        self._ledger = ledger
        self._handler = handler
        self._insist = insist
        self._limits = limits
        self._group = group

    async def claim(self, run: Running, session: str, ids: Sequence[int], repeats: tuple[Row, ...]) -> bool:
        """Make the rows this run's. False when none of them waits any more. Raises StoreUnavailable, Fenced."""
        batch = await self._ledger.claim(session, ids)
        if batch is not None:
            # Another agent, or one in another project, is not given what was meant for this one.
            run.batch = replace(batch, repeats=tuple(row for row in repeats if row.binding == batch.binding))
            run.batch = await self._within_caps(run, run.batch)
        return batch is not None

    async def _within_caps(self, run: Running, batch: Batch) -> Batch:
        """Without the rows that an edit, made between the verdict and the claim, has pushed over the cap."""
        rows = fitting(batch.rows, self._limits)
        over = [row.id for row in batch.rows[len(rows) :]]
        if not over or not await give_back(self._ledger, self._insist, run, batch, over):
            return batch
        return replace(batch, rows=rows)

    def hand_over(self, run: Running) -> None:
        """Start the handler, unless the run was stopped since. Synchronous: no stop can fall in between."""
        assert run.batch is not None
        if run.signal.reason is None:
            run.handler = self._group.create_task(self._handle(run, run.batch), name=f"handler {run.batch.run}")

    async def finish(self, run: Running) -> None:
        """Wait for the handler's end and record it, however long the store takes."""
        assert run.batch is not None
        run.outcome = await self._outcome(run, run.batch)
        # A stop may tell now how it ended; the session stays busy until it is on disk.
        run.judged.set()
        if run.steering is not None:  # it decides which messages are this run's
            await asyncio.wait({run.steering})
        batch, outcome = run.batch, _with_doubts(run, run.outcome)
        await self._insist(lambda: self._ledger.finish(batch, outcome), batch.session)

    async def _outcome(self, run: Running, batch: Batch) -> Outcome:
        if run.handler is None:
            return _unheard(run, batch, "ended before it was given to the agent")
        await asyncio.wait({run.handler})
        if run.handler.cancelled():
            return _unheard(run, batch, "its handler did not end by itself and was cancelled")
        result = run.handler.result()
        return result if isinstance(result, Outcome) else _raised(batch, result)

    async def _handle(self, run: Running, batch: Batch) -> Outcome | Exception:
        # An exception is a value here: raised in a task of the group, it would end every other session's work.
        try:
            return await self._handler(batch, run.signal)
        except Exception as exc:
            return exc


def fitting(rows: tuple[Row, ...], limits: Limits) -> tuple[Row, ...]:
    """The longest run of oldest rows that keeps to the byte cap; at least one."""
    total = 0
    for count, row in enumerate(rows):
        total += size(row.text)
        if total > limits.max_batch_bytes and count:
            return rows[:count]
    return rows


async def give_back(ledger: Ledger, insist: Insist, run: Running, batch: Batch, ids: Sequence[int]) -> bool:
    """Let rows that nobody heard wait again. False: a stop has covered them; they stay with the run that it ended."""

    async def attempt() -> bool:
        # At each attempt: the discard of a stop that came meanwhile is in the store's order before this.
        if max(ids) <= run.stopped_upto:
            return False
        await ledger.give_back(batch.run, ids)
        return True

    return await insist(attempt, batch.session)


def _raised(batch: Batch, exc: Exception) -> Outcome:
    why = str(exc).strip().rstrip(".") or type(exc).__name__
    text = f"Run {batch.run} failed: {why}. `retry {batch.run}` repeats it."
    return Outcome(RunState.FAILED, repr(exc), (Notice(batch.target, text, "failure", f"run/{batch.run}/failed"),))


def _with_doubts(run: Running, outcome: Outcome) -> Outcome:
    if not run.doubtful or run.batch is None or outcome.state not in (RunState.SUCCEEDED, RunState.FAILED):
        return outcome  # what was cut off is reported as a whole
    number = run.batch.run
    text = f"Run {number} ended while it was given more to read. Say it again if the answer passes over it."
    return replace(outcome, notices=(*outcome.notices, Notice(run.batch.target, text, "notice", f"run/{number}/doubt")))


def _unheard(run: Running, batch: Batch, why: str) -> Outcome:
    """The outcome of a run whose handler did not say one."""
    if run.signal.reason == "stop":
        return Outcome(RunState.STOPPED, why)
    text = f"Run {batch.run} was cut off. `retry {batch.run}` repeats it."
    notice = Notice(batch.target, text, "failure", f"run/{batch.run}/cut-off")
    return Outcome(RunState.INTERRUPTED, why, (notice,))
