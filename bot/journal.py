"""The steps of runs: a line of the log for each, and what of it is counted. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from bot.store.records import RunRecord
from bot.timings import Tally
from dispatcher.model import Batch, Outcome, RunState

log = logging.getLogger("bot.runs")

PROVISION = "provision"

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Known:
    """A run between its record and its end."""

    kind: str
    session: str
    project: str | None
    agent: str | None
    began: float  # monotonic seconds
    started: bool = False


class Journal:
    def __init__(self, provision: Tally, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._provision = provision
        self._clock = clock
        self._known: dict[int, Known] = {}
        self.ended_by: Counter[tuple[str, str]] = Counter()  # runs that ended since the start, by kind and state

    def claimed(self, batch: Batch) -> None:
        binding = batch.binding
        known = Known("agent", batch.session, binding.project, binding.agent, self._clock())
        self.queued(batch.run, known)

    def queued(self, run: int, known: Known) -> None:
        self._known[run] = known
        self._say(run, known, "queued")

    def started(self, run: int) -> None:
        """Its processes, or its work, live. Said once, however often that is recorded."""
        known = self._known.get(run)
        if known is not None and not known.started:
            known.started = True
            self._say(run, known, "started")

    def ended(self, run: int, outcome: Outcome) -> None:
        known = self._known.pop(run, None)
        if known is None:
            return  # it had ended already
        seconds = self._clock() - known.began
        self.ended_by[known.kind, outcome.state.value] += 1
        if known.kind == PROVISION and outcome.state is RunState.SUCCEEDED:
            self._provision.observe(seconds)
        cost, killed = _cost(outcome), _killed(outcome)
        text = f"{outcome.state.value} after {seconds:.1f} s, ${cost:.2f}, {killed} processes killed"
        self._say(
            run, known, "ended", text, state=outcome.state.value, seconds=round(seconds, 3), cost=cost, processes=killed
        )

    def cut_off(self, records: Iterable[RunRecord]) -> None:
        """Runs of an earlier process, as the recovery ended them."""
        for record in records:
            known = Known(record.kind, record.session, record.project, record.agent, 0.0)
            self.ended_by[record.kind, record.state.value] += 1
            text = f"{record.state.value}: an earlier process was cut off"
            self._say(record.id, known, "ended", text, state=record.state.value)

    def _say(self, run: int, known: Known, step: str, text: str = "", **more: object) -> None:
        about = {
            "run": run,
            "session": known.session,
            "transport": known.session.partition("/")[0],
            "event": step,
            "kind": known.kind,
            "project": known.project,
            "agent": known.agent,
            **more,
        }
        who = " ".join(part for part in (known.agent, f"in {known.project}" if known.project else "") if part)
        what = f"{known.kind} {who}".strip()
        log.info("run %s %s: %s", run, step, text or f"{what}, {known.session}", extra=about)


def _cost(outcome: Outcome) -> float:
    cost = outcome.record.get("cost", 0.0)
    return float(cost) if isinstance(cost, int | float) else 0.0


def _killed(outcome: Outcome) -> int:
    """The report is a value of its own in receipts, and plain fields in what is recorded."""
    report = outcome.record.get("kill_report")
    found = report.get("found") if isinstance(report, Mapping) else getattr(report, "found", 0)
    return found if isinstance(found, int) else 0


class Book(Protocol):
    """The runs' record, as turns and chores write it."""

    def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None = None, prompt: str = ""
    ) -> asyncio.Future[int]: ...

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]: ...

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]: ...

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]: ...


class Journalled:
    """A Book that tells the journal what is on disk. Writes take their place when called: nothing is awaited here."""

    def __init__(self, book: Book, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._book = book
        self._journal = journal
        self._clock = clock

    def create(
        self, kind: str, *, session: str, target: str, requested_by: str, project: str | None = None, prompt: str = ""
    ) -> asyncio.Future[int]:
        created = self._book.create(
            kind, session=session, target=target, requested_by=requested_by, project=project, prompt=prompt
        )
        known = Known(kind, session, project, None, self._clock())
        created.add_done_callback(partial(_on_success, lambda run: self._journal.queued(run, known)))
        return created

    def update(self, run: int, **columns: object) -> asyncio.Future[bool]:
        updated = self._book.update(run, **columns)
        if columns.get("state") is RunState.RUNNING:
            updated.add_done_callback(partial(_on_success, lambda done: self._journal.started(run) if done else None))
        return updated

    def end(self, run: int, outcome: Outcome) -> asyncio.Future[bool]:
        ended = self._book.end(run, outcome)
        ended.add_done_callback(partial(_on_success, lambda done: self._journal.ended(run, outcome) if done else None))
        return ended

    async def since_success(self, session: str, agent: str, project: str | None) -> list[RunRecord]:
        return await self._book.since_success(session, agent, project)


def _on_success(tell: Callable[[T], None], future: asyncio.Future[T]) -> None:
    if not future.cancelled() and future.exception() is None:
        tell(future.result())
